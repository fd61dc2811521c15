import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import Select, { type SelectProps } from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tiles from "@cloudscape-design/components/tiles";
import { useMutation } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useNavigate } from "react-router";
import { ErrorAlert, useErrorText } from "../../components/ErrorAlert";
import { JsonEditor } from "../../components/JsonEditor";
import { Page } from "../../components/Page";
import { type Text, useText } from "../../i18n/text";
import { check } from "../../mapping/check";
import { type Definition, domainKeys } from "../../mapping/definition";
import { draftOf } from "../../mapping/draft";
import { type RecordKind, guessKind, infer, kinds } from "../../mapping/infer";
import rules from "../../mapping/messages";
import { recordsIn } from "../../mapping/sample";
import { fetchTemplate, useDefinitions, useTemplates } from "../../resources/objecttypes";
import catalogue from "./messages";

/** How an object type is started. */
export interface Start {
  origin: "sample" | "template" | "nothing";
  name: string;
  description: string;
  sample: string;
  /** Undefined: as the sample suggests. */
  kind: RecordKind | undefined;
  template: string;
  copy: boolean;
}

export const emptyStart: Start = { origin: "sample", name: "", description: "", sample: "", kind: undefined, template: "", copy: false };

/** The first step of making an object type: its name, and of what it is made. */
export function CreateForm({ domain, start, onChange, onNext }: { domain: string; start: Start; onChange: (start: Start) => void; onNext: (definition: Definition) => void }) {
  const t = useText(catalogue);
  const navigate = useNavigate();
  const definitions = useDefinitions(domain);
  const [tried, setTried] = useState(false);
  const set = (change: Partial<Start>): void => onChange({ ...start, ...change });
  const wrong = useFaults(start, definitions.data);
  const records = useMemo(() => recordsIn(start.sample), [start.sample]);
  const guessed = useMemo(() => guessKind(start.name, records ?? []), [start.name, records]);
  const path = `/console/domains/${domain}/object-types`;

  const next = useMutation({
    mutationFn: async (): Promise<Definition> => {
      const Description = start.description;
      if (start.origin === "nothing") return { Description, AllowProfileCreation: true, Fields: {}, Keys: {} };
      if (start.origin === "sample") return { ...infer(start.name, start.kind ?? guessed, records ?? [], domainKeys([...(definitions.data?.values() ?? [])])), Description };
      const template = await fetchTemplate(start.template);
      return { ...template, Description, ...(!start.copy && { TemplateId: start.template }) };
    },
    onSuccess: onNext,
  });

  return (
    <Page
      title={t("create")}
      subject={domain}
      description={t("createDescription")}
      crumbs={[
        { text: domain, href: `/console/domains/${domain}` },
        { text: t("title"), href: path },
      ]}
    >
      <form
        onSubmit={(e) => {
          e.preventDefault();
          setTried(true);
          if (Object.values(wrong).every((w) => w === undefined)) next.mutate();
        }}
      >
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={() => void navigate(path)}>
                {t("cancel")}
              </Button>
              <Button variant="primary" loading={next.isPending}>
                {t("next")}
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            <Container header={<Header variant="h2">{t("start")}</Header>}>
              <Tiles
                ariaLabel={t("start")}
                value={start.origin}
                columns={3}
                onChange={({ detail }) => set({ origin: detail.value as Start["origin"] })}
                items={[
                  { value: "sample", label: t("fromSample"), description: t("fromSampleHint") },
                  { value: "template", label: t("fromTemplate"), description: t("fromTemplateHint") },
                  { value: "nothing", label: t("fromNothing"), description: t("fromNothingHint") },
                ]}
              />
            </Container>
            {start.origin === "template" && <TemplatePart start={start} set={set} wrong={tried ? wrong.template : undefined} />}
            <Container header={<Header variant="h2">{t("general")}</Header>}>
              <SpaceBetween size="l">
                <FormField label={t("name")} description={t("nameHint")} errorText={(tried || start.name !== "") && wrong.name}>
                  <Input value={start.name} onChange={({ detail }) => set({ name: detail.value })} spellcheck={false} autoComplete={false} />
                </FormField>
                <FormField label={t("text")} description={t("textHint")} errorText={tried && wrong.description}>
                  <Input value={start.description} onChange={({ detail }) => set({ description: detail.value })} />
                </FormField>
              </SpaceBetween>
            </Container>
            {start.origin === "sample" && (
              <Container
                header={
                  <Header variant="h2" description={t("sampleHint")}>
                    {t("sample")}
                  </Header>
                }
              >
                <SpaceBetween size="l">
                  <JsonEditor ariaLabel={t("sample")} value={start.sample} rows={14} stretch lines errorText={tried || start.sample !== "" ? wrong.sample : undefined} onChange={(sample) => set({ sample })} />
                  <KindField t={t} value={start.kind ?? guessed} onChange={(kind) => set({ kind })} />
                </SpaceBetween>
              </Container>
            )}
            {next.error && <ErrorAlert error={next.error} />}
          </SpaceBetween>
        </Form>
      </form>
    </Page>
  );
}

interface Faults {
  name?: string | undefined;
  description?: string | undefined;
  sample?: string | undefined;
  template?: string | undefined;
}

/** What is missing for the next step, in words. */
function useFaults(start: Start, definitions: ReadonlyMap<string, Definition> | undefined): Faults {
  const t = useText(catalogue);
  const rule = useText(rules);
  const problems = check(start.name, draftOf({ Description: start.description, TemplateId: "none" }), { keys: new Map() });
  const of = (member: string): string | undefined => problems.find((p) => p.place.part === "option" && p.place.member === member)?.say(rule);
  return {
    name: of("ObjectTypeName") ?? (definitions?.has(start.name) ? t("nameTaken") : undefined),
    description: of("Description"),
    ...(start.origin === "sample" && { sample: recordsIn(start.sample) ? undefined : t("sampleNeeded") }),
    ...(start.origin === "template" && { template: start.template === "" ? t("templateNeeded") : undefined }),
  };
}

function KindField({ t, value, onChange }: { t: Text<typeof catalogue>; value: RecordKind; onChange: (kind: RecordKind) => void }) {
  return (
    <FormField label={t("kind")} description={t("kindHint")}>
      <RadioGroup value={value} onChange={({ detail }) => onChange(detail.value as RecordKind)} items={kinds.map((kind) => ({ value: kind, label: t(kind), description: t(`${kind}Hint`) }))} />
    </FormField>
  );
}

function TemplatePart({ start, set, wrong }: { start: Start; set: (change: Partial<Start>) => void; wrong: string | undefined }) {
  const t = useText(catalogue);
  const errorText = useErrorText();
  const templates = useTemplates();
  const options = useMemo(() => {
    const bySource = new Map<string, SelectProps.Option[]>();
    for (const { TemplateId = "", SourceName = "", SourceObject = "" } of templates.data ?? []) {
      bySource.set(SourceName, [...(bySource.get(SourceName) ?? []), { value: TemplateId, label: TemplateId, description: SourceObject }]);
    }
    return [...bySource].sort(([a], [b]) => a.localeCompare(b)).map(([label, list]) => ({ label, options: list }));
  }, [templates.data]);
  return (
    <Container header={<Header variant="h2">{t("template")}</Header>}>
      <SpaceBetween size="l">
        <FormField label={t("template")} errorText={wrong}>
          <Select
            selectedOption={start.template === "" ? null : { value: start.template, label: start.template }}
            options={options}
            filteringType="auto"
            filteringPlaceholder={t("find")}
            filteringAriaLabel={t("find")}
            placeholder={t("chooseTemplate")}
            statusType={templates.error ? "error" : templates.isPending ? "loading" : "finished"}
            loadingText={t("loading")}
            errorText={templates.error ? errorText(templates.error) : ""}
            recoveryText={t("retry")}
            empty={t("noTemplates")}
            onLoadItems={() => templates.error && void templates.refetch()}
            onChange={({ detail }) => {
              const template = detail.selectedOption.value ?? "";
              // The name that the template's own records come under, unless another was chosen.
              set({ template, ...((start.name === "" || start.name === start.template) && { name: template }) });
            }}
          />
        </FormField>
        <FormField label={t("use")}>
          <RadioGroup
            value={start.copy ? "copy" : "asItIs"}
            onChange={({ detail }) => set({ copy: detail.value === "copy" })}
            items={[
              { value: "asItIs", label: t("asItIs"), description: t("asItIsHint") },
              { value: "copy", label: t("copy"), description: t("copyHint") },
            ]}
          />
        </FormField>
      </SpaceBetween>
    </Container>
  );
}

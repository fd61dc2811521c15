import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import Container from "@cloudscape-design/components/container";
import FileUpload from "@cloudscape-design/components/file-upload";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Select, { type SelectProps } from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { CopyBlock } from "../../components/CopyText";
import { useErrorText } from "../../components/ErrorAlert";
import { formatJson, parseJson } from "../../components/json";
import { type Text, useText } from "../../i18n/text";
import { useObjectTypes, useTemplates } from "../../resources/objecttypes";
import { isUploading, startUpload } from "./current";
import catalogue from "./messages";
import { FileFault, firstRecord } from "./records";

type UploadText = Text<typeof catalogue>;

/** What keeps a file from being read, in a sentence. */
export function faultText(e: unknown, t: UploadText): string {
  if (!(e instanceof FileFault)) return t("unreadable");
  const { rule, at } = e;
  return rule === "endsInRecord" || rule === "afterArray" || rule === "comma" || rule === "element" ? t(rule, { at }) : t(rule);
}

/** Which file is to be uploaded, and as what. */
export function UploadForm({ domain }: { domain: string }) {
  const t = useText(catalogue);
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const [type, setType] = useState(search.get("type") ?? "");
  const [file, setFile] = useState<File>();
  const [inOrder, setInOrder] = useState(false);
  const [tried, setTried] = useState(false);
  const first = useQuery({
    queryKey: ["firstRecord", file?.name, file?.size, file?.lastModified],
    enabled: file !== undefined,
    gcTime: 0,
    retry: false,
    queryFn: async () => (file && (await firstRecord(file))) ?? null,
  });
  const wrong = file === undefined ? (tried ? t("needFile") : undefined) : first.error ? faultText(first.error, t) : undefined;
  const readable = first.data && "value" in parseJson(first.data) ? formatJson(first.data) : first.data;

  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        setTried(true);
        if (type === "" || !file || first.error) return;
        startUpload({ domain, objectType: type, file, inOrder, problem: (r) => t(r.problem ?? "notUtf8") });
      }}
    >
      <Form
        actions={
          <Button variant="primary" disabled={isUploading()}>
            {t("start")}
          </Button>
        }
      >
        <Container header={<Header variant="h2">{t("what")}</Header>}>
          <SpaceBetween size="l">
            <TypeSelect domain={domain} value={type} onChange={setType} wrong={tried && type === "" ? t("needType") : undefined} />
            <FormField label={t("file")} description={t("fileHint")}>
              <FileUpload
                value={file ? [file] : []}
                accept=".json,.jsonl,.ndjson,application/json,application/x-ndjson"
                showFileSize
                showFileLastModified
                errorText={wrong}
                constraintText={t("csv")}
                i18nStrings={{ uploadButtonText: () => t("chooseFile"), dropzoneText: () => t("dropFile"), removeFileAriaLabel: (_, name) => t("removeFile", { name }) }}
                onChange={({ detail }) => setFile(detail.value[0])}
              />
            </FormField>
            {file && first.data === null && <Box color="text-body-secondary">{t("noRecords")}</Box>}
            {readable && (
              <FormField
                label={t("first")}
                stretch
                secondaryControl={
                  <Button formAction="none" disabled={type === ""} onClick={() => void navigate(`/console/domains/${domain}/object-types/${type}?tab=try`, { state: { record: readable } })}>
                    {t("tryFirst")}
                  </Button>
                }
              >
                <CopyBlock text={readable.length > 4000 ? readable.slice(0, 4000) + "…" : readable} name={t("first")} />
              </FormField>
            )}
            <Checkbox checked={inOrder} description={t("orderHint")} onChange={({ detail }) => setInOrder(detail.checked)}>
              {t("order")}
            </Checkbox>
          </SpaceBetween>
        </Container>
      </Form>
    </form>
  );
}

function TypeSelect({ domain, value, onChange, wrong }: { domain: string; value: string; onChange: (type: string) => void; wrong: string | undefined }) {
  const t = useText(catalogue);
  const errorText = useErrorText();
  const types = useObjectTypes(domain);
  const templates = useTemplates(); // records of a template's name are taken without any definition
  const options = useMemo(() => {
    const own = types.items.map((o): SelectProps.Option => ({ value: o.ObjectTypeName ?? "", label: o.ObjectTypeName ?? "", description: o.Description ?? "" }));
    const names = new Set(own.map((o) => o.value));
    const others = (templates.data ?? []).filter((x) => !names.has(x.TemplateId)).map((x): SelectProps.Option => ({ value: x.TemplateId ?? "", label: x.TemplateId ?? "", description: `${x.SourceName} ${x.SourceObject}` }));
    return [...(own.length > 0 ? [{ label: t("own"), options: own }] : []), ...(others.length > 0 ? [{ label: t("templates"), options: others }] : [])];
  }, [types.items, templates.data, t]);
  return (
    <FormField label={t("objectType")} description={t("objectTypeHint")} errorText={wrong}>
      <Select
        selectedOption={value === "" ? null : { value, label: value }}
        options={options}
        placeholder={t("chooseType")}
        filteringType="auto"
        filteringPlaceholder={t("find")}
        filteringAriaLabel={t("find")}
        statusType={types.error ? "error" : types.loading ? "loading" : types.hasMore ? "pending" : "finished"}
        loadingText={t("loading")}
        errorText={types.error ? errorText(types.error) : ""}
        recoveryText={t("retry")}
        empty={t("noTypes")}
        onLoadItems={({ detail }) => {
          if (types.error) types.refresh();
          else if (!detail.firstPage && types.hasMore) void types.more();
        }}
        onChange={({ detail }) => onChange(detail.selectedOption.value ?? "")}
      />
    </FormField>
  );
}

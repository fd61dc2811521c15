import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";
import type { ReactNode } from "react";
import { PagesSelect } from "../../components/PagesSelect";
import { type Text, useText } from "../../i18n/text";
import { useDomains } from "../../resources/domains";
import { keyArnPattern, useAliases, useKeys } from "../../resources/keys";
import { queueName, useQueues } from "../../resources/queues";
import type { DomainForm, KeyForm, QueueForm } from "./form";
import { faults } from "./form";
import catalogue from "./messages";

/** What a part of the form is given. */
interface Part<F> {
  form: F;
  onChange: (form: F) => void;
  /** Show what is missing: the user has tried to submit. */
  tried: boolean;
}

function Frame({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <Container
      header={
        <Header variant="h2" description={text}>
          {title}
        </Header>
      }
    >
      <SpaceBetween size="l">{children}</SpaceBetween>
    </Container>
  );
}

/** Part one: a new domain or one that there is. */
export function DomainPart({ form, onChange, tried, except }: Part<DomainForm> & { except?: string | undefined }) {
  const t = useText(catalogue);
  const domains = useDomains();
  const others = { ...domains, items: domains.items.filter((d) => d.DomainName !== except) };
  const wrong = faults.domain(form);
  return (
    <Frame title={t("domainPart")} text={t("domainPartText")}>
      <RadioGroup
        ariaLabel={t("domainPart")}
        value={form.kind}
        onChange={({ detail }) => onChange({ ...form, kind: detail.value === "new" ? "new" : "existing" })}
        items={[
          { value: "new", label: t("createNew") },
          { value: "existing", label: t("useExisting") },
        ]}
      />
      {form.kind === "new" ? (
        <SpaceBetween size="l">
          <FormField label={t("friendlyName")} description={t("friendlyNameHint")} constraintText={t("nameRule")} errorText={wrong.has("name") && t("nameRule")}>
            <Input value={form.name} onChange={({ detail }) => onChange({ ...form, name: detail.value })} spellcheck={false} autoComplete={false} />
          </FormField>
          <FormField label={t("retentionField")} constraintText={t("daysRule")} errorText={wrong.has("days") && t("daysRule")}>
            <Input type="number" inputMode="numeric" value={form.days} onChange={({ detail }) => onChange({ ...form, days: detail.value })} />
          </FormField>
        </SpaceBetween>
      ) : (
        <FormField label={t("domain")} errorText={tried && wrong.has("existing") && t("needDomain")}>
          <PagesSelect
            list={others}
            optionOf={(d) => ({ value: d.DomainName ?? "", label: d.DomainName ?? "" })}
            value={form.existing}
            onChange={(existing) => onChange({ ...form, existing })}
            placeholder={t("chooseDomain")}
            empty={t("noDomains")}
            refreshLabel={t("refreshDomains")}
          />
        </FormField>
      )}
    </Frame>
  );
}

/** Opens the page that creates something in a new tab. */
function CreateButton({ href, children, t }: { href: string; children: string; t: Text<typeof catalogue> }) {
  return (
    <Button href={href} target="_blank" iconName="external" iconAlign="right" iconAlt={t("opensInNewTab")}>
      {children}
    </Button>
  );
}

/** What an existing domain has of something: null if nothing, undefined while that is not known. */
interface Existing {
  has: string | null | undefined;
}

/** The choice that leaves an existing domain as it is. */
function keepItem(existing: Existing | undefined, named: (has: string) => string, t: Text<typeof catalogue>) {
  if (!existing) return [];
  const { has } = existing;
  return [{ value: "keep", label: has === undefined ? t("keepUnknown") : t("keep", { what: has === null ? t("keepNone") : named(has) }) }];
}

/** Part two: the dead letter queue. existing is that of a domain that there is. */
export function QueuePart({ form, onChange, tried, existing, createHref }: Part<QueueForm> & { existing: Existing | undefined; createHref: string }) {
  const t = useText(catalogue);
  const queues = useQueues();
  const wrong = faults.queue(form);
  return (
    <Frame title={t("queue")} text={t("queuePartText")}>
      <RadioGroup
        ariaLabel={t("queue")}
        value={form.kind}
        onChange={({ detail }) => onChange({ ...form, kind: detail.value as QueueForm["kind"] })}
        items={[
          ...keepItem(existing, queueName, t),
          { value: "none", label: t("without"), description: t("withoutHint") },
          { value: "existing", label: t("existingQueue") },
          { value: "new", label: t("newQueue"), description: t("newQueueHint") },
        ]}
      />
      {form.kind === "existing" && (
        <FormField label={t("queue")} errorText={tried && wrong.has("url") && t("needQueue")}>
          <PagesSelect
            list={queues}
            optionOf={(url) => ({ value: url, label: queueName(url) })}
            value={form.url}
            onChange={(url) => onChange({ ...form, url })}
            placeholder={t("chooseQueue")}
            empty={t("noQueues")}
            refreshLabel={t("refreshQueues")}
          />
        </FormField>
      )}
      {form.kind === "new" && (
        <FormField errorText={tried && wrong.has("url") && t("needQueue")}>
          <CreateButton href={createHref} t={t}>
            {t("createQueue")}
          </CreateButton>
        </FormField>
      )}
    </Frame>
  );
}

/** Part three: the key. existing is that of a domain that there is. */
export function KeyPart({ form, onChange, tried, existing, createHref }: Part<KeyForm> & { existing: Existing | undefined; createHref: string }) {
  const t = useText(catalogue);
  const keys = useKeys();
  const { data: aliases } = useAliases();
  const wrong = faults.key(form);
  const alias = (id: string): string | undefined => aliases?.get(id)?.join(", ");
  const named = (arn: string): string => alias(arn.split("/").pop() ?? "") ?? arn;
  return (
    <Frame title={t("key")} text={t("keyPartText")}>
      <RadioGroup
        ariaLabel={t("key")}
        value={form.kind}
        onChange={({ detail }) => onChange({ ...form, kind: detail.value as KeyForm["kind"] })}
        items={[
          ...keepItem(existing, named, t),
          { value: "existing", label: t("existingKey") },
          { value: "arn", label: t("pasteKey") },
          { value: "new", label: t("newKey"), description: t("newKeyHint") },
        ]}
      />
      {form.kind === "existing" && (
        <FormField label={t("key")} errorText={tried && wrong.has("key") && t("needKey")}>
          <PagesSelect
            list={keys}
            optionOf={(k) => {
              const name = alias(k.id);
              return { value: k.arn, label: name ?? k.id, ...(name && { description: k.id }) };
            }}
            value={form.key}
            onChange={(key) => onChange({ ...form, key })}
            placeholder={t("chooseKey")}
            empty={t("noKeys")}
            refreshLabel={t("refreshKeys")}
          />
        </FormField>
      )}
      {form.kind === "arn" && (
        <FormField
          label={t("keyArn")}
          constraintText={t("keyArnRule")}
          errorText={(tried || form.arn !== "") && !keyArnPattern.test(form.arn.trim()) && t("keyArnRule")}
        >
          <Input value={form.arn} onChange={({ detail }) => onChange({ ...form, arn: detail.value })} spellcheck={false} autoComplete={false} />
        </FormField>
      )}
      {form.kind === "new" && (
        <FormField errorText={tried && wrong.has("key") && t("needKey")}>
          <CreateButton href={createHref} t={t}>
            {t("createKey")}
          </CreateButton>
        </FormField>
      )}
    </Frame>
  );
}

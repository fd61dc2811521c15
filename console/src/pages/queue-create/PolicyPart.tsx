import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Textarea from "@cloudscape-design/components/textarea";
import Tiles from "@cloudscape-design/components/tiles";
import { JsonEditor } from "../../components/JsonEditor";
import { useText } from "../../i18n/text";
import { domainNamePattern } from "../../resources/domains";
import { type Access, type Place, type QueueForm, basicPolicy, faults, withProfiles, wrongPrincipal } from "./form";
import catalogue from "./messages";

/** Who may use the queue: chosen (basic) or written (advanced), and the statement that Customer Profiles needs. */
export function PolicyPart({ form, onChange, tried, place }: { form: QueueForm; onChange: (form: QueueForm) => void; tried: boolean; place: Place }) {
  const t = useText(catalogue);
  return (
    <Container
      header={
        <Header variant="h2" description={t("policyText")}>
          {t("policy")}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Tiles
          ariaLabel={t("policy")}
          value={form.kind}
          columns={2}
          items={[
            { value: "basic", label: t("basic"), description: t("basicText") },
            { value: "advanced", label: t("advanced"), description: t("advancedText") },
          ]}
          onChange={({ detail }) => {
            // What was chosen so far is what one starts to write from.
            if (detail.value === "advanced") onChange({ ...form, kind: "advanced", policy: form.policy || basicPolicy(form, place) });
            else onChange({ ...form, kind: "basic" });
          }}
        />
        {form.kind === "basic" ? (
          <ColumnLayout columns={2}>
            <AccessField label={t("senders")} access={form.senders} account={place.accountId} tried={tried} onChange={(senders) => onChange({ ...form, senders })} />
            <AccessField label={t("receivers")} access={form.receivers} account={place.accountId} tried={tried} onChange={(receivers) => onChange({ ...form, receivers })} />
          </ColumnLayout>
        ) : (
          <JsonEditor
            label={t("json")}
            stretch
            value={form.policy}
            onChange={(policy) => onChange({ ...form, policy })}
            errorText={faults(form).has("policy") && t("needPolicy")}
          />
        )}
        <ForProfiles form={form} onChange={onChange} place={place} />
      </SpaceBetween>
    </Container>
  );
}

function AccessField({ label, access, account, tried, onChange }: { label: string; access: Access; account: string; tried: boolean; onChange: (access: Access) => void }) {
  const t = useText(catalogue);
  const wrong = wrongPrincipal(access);
  return (
    <SpaceBetween size="s">
      <FormField label={label}>
        <RadioGroup
          value={access.who}
          items={[
            { value: "owner", label: t("owner", { account }) },
            { value: "others", label: t("others") },
          ]}
          onChange={({ detail }) => onChange({ ...access, who: detail.value === "others" ? "others" : "owner" })}
        />
      </FormField>
      {access.who === "others" && (
        <FormField label={t("principals")} errorText={wrong === undefined ? undefined : wrong === "" ? tried && t("needPrincipals") : t("principalsRule", { line: wrong })}>
          <Textarea value={access.lines} rows={3} spellcheck={false} onChange={({ detail }) => onChange({ ...access, lines: detail.value })} />
        </FormField>
      )}
    </SpaceBetween>
  );
}

/** The statement for Customer Profiles, filled in for the domain, the account and this queue. */
function ForProfiles({ form, onChange, place }: { form: QueueForm; onChange: (form: QueueForm) => void; place: Place }) {
  const t = useText(catalogue);
  const policy = withProfiles(form, place);
  const current = form.kind === "advanced" ? form.policy : "";
  const there = policy !== null && current.trim() !== "" && compact(policy) === compact(current);
  if (there) return <StatusIndicator type="success">{t("hasStatement", { domain: form.domain })}</StatusIndicator>;
  return (
    <SpaceBetween size="s">
      <div>
        <Box variant="awsui-key-label">{t("forProfiles")}</Box>
        <Box color="text-body-secondary">{t("forProfilesText")}</Box>
      </div>
      <FormField label={t("domain")} errorText={form.domain !== "" && !domainNamePattern.test(form.domain) && t("domainRule")}>
        <Input value={form.domain} onChange={({ detail }) => onChange({ ...form, domain: detail.value })} spellcheck={false} autoComplete={false} />
      </FormField>
      <Button formAction="none" disabled={policy === null} onClick={() => policy !== null && onChange({ ...form, kind: "advanced", policy })}>
        {t("addStatement")}
      </Button>
    </SpaceBetween>
  );
}

const compact = (json: string): string => {
  try {
    return JSON.stringify(JSON.parse(json));
  } catch {
    return json;
  }
};

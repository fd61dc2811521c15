import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useFrame } from "../app/frame";
import { useText } from "../i18n/text";
import { domainArn, useDomains } from "../resources/domains";
import { addStatement, serviceStatement } from "../resources/policy";
import { useSession } from "../session/useSession";
import { ErrorAlert } from "./ErrorAlert";
import { JsonEditor } from "./JsonEditor";
import { parseJson } from "./json";
import catalogue from "./messages";
import { PagesSelect } from "./PagesSelect";


/** A policy in lines, as it is edited. */
function inLines(policy: string): string {
  const parsed = parseJson(policy);
  return "value" in parsed ? JSON.stringify(parsed.value, null, 2) : policy;
}

/** The policy of a queue or key, to be edited, with the statement that Customer Profiles needs for a domain at hand. */
export function PolicyEditor(props: {
  /** As it is; empty: there is none. */
  policy: string;
  /** Saves a policy. */
  onSave: (policy: string) => Promise<unknown>;
  /** There may be no policy. */
  optional?: boolean;
  /** What Customer Profiles does with it, and how the statement names it. */
  service: { actions: readonly string[]; resource: string };
}) {
  const { policy, onSave, optional = false, service } = props;
  const t = useText(catalogue);
  const { notify } = useFrame();
  const [text, setText] = useState<string>(); // undefined: as it is
  const shown = text ?? inLines(policy);
  const parsed = parseJson(shown);
  const isObject = "value" in parsed && typeof parsed.value === "object" && parsed.value !== null && !Array.isArray(parsed.value);
  const valid = isObject || (optional && shown.trim() === "");
  const save = useMutation({
    mutationFn: () => onSave(shown.trim()),
    onSuccess: () => {
      setText(undefined);
      notify({ type: "success", text: t("policySaved") });
    },
  });
  return (
    <SpaceBetween size="l">
      <JsonEditor
        label={t("policy")}
        stretch
        rows={18}
        value={shown}
        onChange={setText}
        errorText={!valid && ("value" in parsed || shown.trim() === "") && t("policyRule")}
        {...(optional && { description: t("policyEmptyHint") })}
      />
      <ExpandableSection headerText={t("policyForProfiles")}>
        <ForProfiles disabled={!valid} onAdd={(statement) => setText(addStatement(shown, statement))} service={service} />
      </ExpandableSection>
      {save.error && <ErrorAlert error={save.error} />}
      <SpaceBetween direction="horizontal" size="xs">
        <Button disabled={text === undefined} onClick={() => setText(undefined)}>
          {t("policyUndo")}
        </Button>
        <Button variant="primary" loading={save.isPending} disabled={text === undefined || !valid} onClick={() => save.mutate()}>
          {t("policySave")}
        </Button>
      </SpaceBetween>
    </SpaceBetween>
  );
}

function ForProfiles({ service, disabled, onAdd }: { service: { actions: readonly string[]; resource: string }; disabled: boolean; onAdd: (statement: ReturnType<typeof serviceStatement>) => void }) {
  const t = useText(catalogue);
  const { region, accountId } = useSession();
  const domains = useDomains();
  const [domain, setDomain] = useState<string>();
  return (
    <SpaceBetween size="s">
      <Box color="text-body-secondary">{t("policyForProfilesText")}</Box>
      <FormField label={t("policyDomain")}>
        <PagesSelect
          list={domains}
          optionOf={(d) => ({ value: d.DomainName ?? "", label: d.DomainName ?? "" })}
          value={domain}
          onChange={setDomain}
          placeholder={t("policyChooseDomain")}
          empty={t("policyNoDomains")}
          refreshLabel={t("policyRefreshDomains")}
        />
      </FormField>
      <Button
        disabled={disabled || domain === undefined}
        onClick={() => domain !== undefined && onAdd(serviceStatement(service.actions, service.resource, domainArn(region, accountId, domain), accountId))}
      >
        {t("policyAdd")}
      </Button>
    </SpaceBetween>
  );
}

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useFrame } from "../app/frame";
import { messages, useText } from "../i18n/text";
import { domainArn, useDomains } from "../resources/domains";
import { addStatement, serviceStatement } from "../resources/policy";
import { useSession } from "../session/useSession";
import { ErrorAlert } from "./ErrorAlert";
import { JsonEditor } from "./JsonEditor";
import { parseJson } from "./json";
import { PagesSelect } from "./PagesSelect";

const catalogue = messages({
  policy: { en: "Policy", "pt-BR": "Política" },
  rule: { en: "The policy has to be a JSON object", "pt-BR": "A política deve ser um objeto JSON" },
  save: { en: "Save the policy", "pt-BR": "Salvar a política" },
  undo: { en: "Undo changes", "pt-BR": "Desfazer alterações" },
  saved: { en: "The policy has been saved.", "pt-BR": "A política foi salva." },
  emptyHint: { en: "Without a policy, those may use it whom policies of this account allow it.", "pt-BR": "Sem uma política, podem usá-la aqueles a quem as políticas desta conta permitem." },
  forProfiles: { en: "Add the statement for Customer Profiles", "pt-BR": "Adicionar a declaração para o Customer Profiles" },
  forProfilesText: {
    en: "It lets the service use this for one domain of this account, and for nobody else's.",
    "pt-BR": "Ela permite que o serviço use este recurso para um domínio desta conta e de mais ninguém.",
  },
  domain: { en: "Domain", "pt-BR": "Domínio" },
  chooseDomain: { en: "Choose a domain", "pt-BR": "Escolha um domínio" },
  noDomains: { en: "There are no domains", "pt-BR": "Não há domínios" },
  refreshDomains: { en: "Refresh the domains", "pt-BR": "Atualizar os domínios" },
  add: { en: "Add the statement", "pt-BR": "Adicionar a declaração" },
});

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
      notify({ type: "success", text: t("saved") });
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
        errorText={!valid && ("value" in parsed || shown.trim() === "") && t("rule")}
        {...(optional && { description: t("emptyHint") })}
      />
      <ExpandableSection headerText={t("forProfiles")}>
        <ForProfiles disabled={!valid} onAdd={(statement) => setText(addStatement(shown, statement))} service={service} />
      </ExpandableSection>
      {save.error && <ErrorAlert error={save.error} />}
      <SpaceBetween direction="horizontal" size="xs">
        <Button disabled={text === undefined} onClick={() => setText(undefined)}>
          {t("undo")}
        </Button>
        <Button variant="primary" loading={save.isPending} disabled={text === undefined || !valid} onClick={() => save.mutate()}>
          {t("save")}
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
      <Box color="text-body-secondary">{t("forProfilesText")}</Box>
      <FormField label={t("domain")}>
        <PagesSelect
          list={domains}
          optionOf={(d) => ({ value: d.DomainName ?? "", label: d.DomainName ?? "" })}
          value={domain}
          onChange={setDomain}
          placeholder={t("chooseDomain")}
          empty={t("noDomains")}
          refreshLabel={t("refreshDomains")}
        />
      </FormField>
      <Button
        disabled={disabled || domain === undefined}
        onClick={() => domain !== undefined && onAdd(serviceStatement(service.actions, service.resource, domainArn(region, accountId, domain), accountId))}
      >
        {t("add")}
      </Button>
    </SpaceBetween>
  );
}

import { CreateGrantCommand, type GrantOperation } from "@aws-sdk/client-kms";
import Autosuggest from "@cloudscape-design/components/autosuggest";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Multiselect from "@cloudscape-design/components/multiselect";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { kms } from "../../api/kms";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { useText } from "../../i18n/text";
import { keysKey } from "../../resources/keys";
import { useRoles, useUsers } from "../../resources/principals";
import { grantNamePattern, grantable, granteePattern } from "./grant";
import catalogue from "./messages";

const optionOf = (value: string) => ({ value, label: value });

/** Lets somebody do something with a key. */
export function GrantModal({ id, onClose }: { id: string; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const users = useUsers();
  const roles = useRoles();
  const [grantee, setGrantee] = useState("");
  const [operations, setOperations] = useState<readonly GrantOperation[]>(["Encrypt", "Decrypt", "GenerateDataKey", "DescribeKey"]);
  const [name, setName] = useState("");
  const granteeOk = granteePattern.test(grantee.trim());
  const nameOk = grantNamePattern.test(name);
  const create = async (): Promise<void> => {
    await kms().send(new CreateGrantCommand({ KeyId: id, GranteePrincipal: grantee.trim(), Operations: [...operations], ...(name && { Name: name }) }));
    await queries.invalidateQueries({ queryKey: keysKey });
    notify({ type: "success", text: t("granted") });
  };
  return (
    <ConfirmModal title={t("createGrant")} action={t("createGrant")} disabled={!granteeOk || !nameOk || operations.length === 0} onConfirm={create} onClose={onClose}>
      <FormField label={t("grantee")} description={t("granteeHint")} errorText={grantee !== "" && !granteeOk && t("needGrantee")}>
        <Autosuggest
          value={grantee}
          onChange={({ detail }) => setGrantee(detail.value)}
          options={[
            { label: t("groupUsers"), options: users.items.map((u) => ({ value: u.arn, label: u.name })) },
            { label: t("groupRoles"), options: roles.items.map((r) => ({ value: r.arn, label: r.name })) },
          ]}
          enteredTextLabel={(text) => t("useText", { text })}
          placeholder={t("granteePlaceholder")}
          empty={t("noPrincipals")}
          // Who may not list users and roles writes the ARN.
          statusType={users.loading || roles.loading ? "loading" : "finished"}
        />
      </FormField>
      <FormField label={t("operationsField")} errorText={operations.length === 0 && t("needOperations")}>
        <Multiselect
          options={grantable.map(optionOf)}
          selectedOptions={operations.map(optionOf)}
          placeholder={t("chooseOperations")}
          deselectAriaLabel={(option) => t("removeOperation", { name: option.label ?? "" })}
          onChange={({ detail }) => setOperations(grantable.filter((op) => detail.selectedOptions.some((o) => o.value === op)))}
        />
      </FormField>
      <FormField label={<>{t("grantName")} <i>– {t("optional")}</i></>} errorText={!nameOk && t("nameRule")}>
        <Input value={name} onChange={({ detail }) => setName(detail.value)} spellcheck={false} autoComplete={false} />
      </FormField>
    </ConfirmModal>
  );
}

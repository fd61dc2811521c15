import { PutIntegrationCommand } from "@aws-sdk/client-customer-profiles";
import Alert from "@cloudscape-design/components/alert";
import FormField from "@cloudscape-design/components/form-field";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { profile } from "../../api/profile";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { PagesSelect } from "../../components/PagesSelect";
import { useText } from "../../i18n/text";
import { domainsKey, useConnection } from "../../resources/domains";
import { useInstances } from "../../resources/instances";
import catalogue from "./messages";

/** The templates for contacts, which differ in what they do about somebody unknown. */
const contactTypes = ["CTR", "CTR-NoInferred", "CTR-AutoAssociateOnly"] as const;

/** Connects an instance, so that its contacts come into a domain. */
export function ConnectModal({ domain, onClose }: { domain: string; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const instances = useInstances();
  const [arn, setArn] = useState<string>();
  const [type, setType] = useState<(typeof contactTypes)[number]>("CTR");
  const connection = useConnection(arn);
  const name = instances.items.find((i) => i.Arn === arn)?.InstanceAlias ?? "";
  const other = connection.data?.DomainName;
  return (
    <ConfirmModal
      title={t("connect")}
      action={t("doConnect")}
      onClose={onClose}
      disabled={arn === undefined}
      onConfirm={async () => {
        await profile().send(new PutIntegrationCommand({ DomainName: domain, Uri: arn, ObjectTypeName: type }));
        notify({ type: "success", text: t("connected", { name }) });
        await queries.invalidateQueries({ queryKey: domainsKey });
      }}
    >
      <SpaceBetween size="l">
        <FormField label={t("instance")} stretch>
          <PagesSelect
            list={instances}
            optionOf={(i) => ({ value: i.Arn ?? "", label: i.InstanceAlias ?? i.Id ?? "" })}
            value={arn}
            onChange={setArn}
            placeholder={t("chooseInstance")}
            empty={t("noneThere")}
            refreshLabel={t("refresh")}
          />
        </FormField>
        {other !== undefined && other !== domain && <Alert type="warning">{t("moves", { domain: other })}</Alert>}
        {other === domain && <Alert type="info">{t("alreadyHere")}</Alert>}
        <FormField label={t("contactsAs")}>
          <RadioGroup value={type} onChange={({ detail }) => setType(detail.value as typeof type)} items={contactTypes.map((value) => ({ value, label: value, description: t(value) }))} />
        </FormField>
      </SpaceBetween>
    </ConfirmModal>
  );
}

import { UpdateDomainCommand } from "@aws-sdk/client-customer-profiles";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { profile } from "../../api/profile";
import { useFrame } from "../../app/frame";
import { PagesSelect } from "../../components/PagesSelect";
import { Repair } from "../../components/Repair";
import { useHandover } from "../../components/handover";
import { useText } from "../../i18n/text";
import { lettersChanged } from "../../resources/deadletters";
import { queueName, useQueues } from "../../resources/queues";
import catalogue from "./messages";

/** Chooses the dead letter queue of a domain, or a new one that is made in another tab. */
export function ChooseQueueModal({ domain, onClose }: { domain: string; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const queues = useQueues();
  const [url, setUrl] = useState<string>();
  const hrefFor = useHandover((made) => {
    setUrl(made);
    queues.refresh();
  });
  const save = useMutation({
    mutationFn: (DeadLetterQueueUrl: string) => profile().send(new UpdateDomainCommand({ DomainName: domain, DeadLetterQueueUrl })),
    onSuccess: async (_, chosen) => {
      await lettersChanged(queries);
      notify({ type: "success", text: t("queueSet", { queue: queueName(chosen) }) });
      onClose();
    },
  });
  return (
    <Modal
      visible
      size="large"
      header={t("chooseTitle", { domain })}
      closeAriaLabel={t("close")}
      onDismiss={() => !save.isPending && onClose()}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" disabled={save.isPending} onClick={onClose}>
              {t("cancel")}
            </Button>
            <Button variant="primary" loading={save.isPending} disabled={url === undefined} onClick={() => url !== undefined && save.mutate(url)}>
              {t("save")}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <FormField label={t("queue")}>
          <PagesSelect
            list={queues}
            optionOf={(u) => ({ value: u, label: queueName(u) })}
            value={url}
            onChange={setUrl}
            placeholder={t("choosePlaceholder")}
            empty={t("noQueues")}
            refreshLabel={t("refreshQueues")}
          />
        </FormField>
        <Button href={hrefFor("/console/queues/create", { domain })} target="_blank" iconName="external" iconAlign="right" iconAlt={t("newTab")}>
          {t("createQueue")}
        </Button>
        {save.error && <Repair error={save.error} onRepaired={() => url !== undefined && save.mutate(url)} />}
      </SpaceBetween>
    </Modal>
  );
}

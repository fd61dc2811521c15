import { DeleteQueueCommand, PurgeQueueCommand } from "@aws-sdk/client-sqs";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { sqs } from "../../api/sqs";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { useText } from "../../i18n/text";
import { deadLettersKey } from "../../resources/deadletters";
import { useQueueUses } from "../../resources/encryption";
import { type Queue, queuesKey } from "../../resources/queues";
import catalogue from "./messages";

/** Asks before a queue is emptied, and empties it. */
export function PurgeModal({ queue, onClose }: { queue: Queue; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const { data: domains = [] } = useQueueUses(queue.url);
  const purge = async (): Promise<void> => {
    await sqs().send(new PurgeQueueCommand({ QueueUrl: queue.url }));
    await Promise.all([queries.invalidateQueries({ queryKey: queuesKey }), queries.invalidateQueries({ queryKey: deadLettersKey })]);
    notify({ type: "success", text: t("purged", { queue: queue.name }) });
  };
  return (
    <ConfirmModal title={t("purgeTitle", { queue: queue.name })} action={t("purge")} word={t("purgeWord")} onConfirm={purge} onClose={onClose}>
      <Box>{t("purgeText")}</Box>
      {domains.length > 0 && <Alert type="warning">{t("inUsePurge", { count: domains.length, domains: domains.join(", ") })}</Alert>}
    </ConfirmModal>
  );
}

/** Asks before a queue is deleted, and deletes it. */
export function DeleteModal({ queue, onClose }: { queue: Queue; onClose: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { data: domains = [] } = useQueueUses(queue.url);
  const remove = async (): Promise<void> => {
    await sqs().send(new DeleteQueueCommand({ QueueUrl: queue.url }));
    notify({ type: "success", text: t("deleted", { queue: queue.name }) });
    await navigate("/console/queues");
    // Its own page is left by now, and would be told that there is no such queue.
    queries.removeQueries({ queryKey: [...queuesKey, "one", queue.name] });
    await Promise.all([queries.invalidateQueries({ queryKey: queuesKey }), queries.invalidateQueries({ queryKey: deadLettersKey })]);
  };
  return (
    <ConfirmModal title={t("deleteTitle", { queue: queue.name })} action={t("delete")} word={t("deleteWord")} onConfirm={remove} onClose={onClose}>
      <Box>{t("deleteText")}</Box>
      {domains.length > 0 && <Alert type="warning">{t("inUse", { count: domains.length, domains: domains.join(", ") })}</Alert>}
    </ConfirmModal>
  );
}

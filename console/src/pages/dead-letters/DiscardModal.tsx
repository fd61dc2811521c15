import Box from "@cloudscape-design/components/box";
import { useQueryClient } from "@tanstack/react-query";
import { kindred } from "../../api/kindred";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { useText } from "../../i18n/text";
import { lettersChanged } from "../../resources/deadletters";
import catalogue from "./messages";

const idsPerCall = 1000; // of the API

/** Asks before letters are deleted for good, and deletes them. */
export function DiscardModal({ domain, ids, onClose, onDone }: { domain: string; ids: readonly string[]; onClose: () => void; onDone?: () => void }) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const queries = useQueryClient();
  const discard = async (): Promise<void> => {
    let deleted = 0;
    try {
      for (let at = 0; at < ids.length; at += idsPerCall) {
        const out = await kindred().call("DeleteDeadLetters", { DomainName: domain, Ids: ids.slice(at, at + idsPerCall) });
        deleted += out.Deleted;
      }
    } finally {
      if (deleted > 0) notify({ type: "success", text: t("discarded", { count: deleted }) });
      await lettersChanged(queries);
    }
    if (deleted < ids.length) notify({ type: "warning", text: t("notDiscarded", { count: ids.length - deleted }) });
    onDone?.();
  };
  return (
    <ConfirmModal title={t("discardTitle", { count: ids.length })} action={t("discard")} word={t("discardWord")} onConfirm={discard} onClose={onClose}>
      <Box>{t("discardText")}</Box>
    </ConfirmModal>
  );
}

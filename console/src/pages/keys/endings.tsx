import { CancelKeyDeletionCommand, DisableKeyCommand, type KeyMetadata, ScheduleKeyDeletionCommand } from "@aws-sdk/client-kms";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { kms } from "../../api/kms";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { useErrorText } from "../../components/ErrorAlert";
import { useFormat } from "../../i18n/format";
import { useText } from "../../i18n/text";
import { useKeyUses } from "../../resources/encryption";
import catalogue from "./messages";

/** What a modal about a key is given. */
export interface KeyModal {
  keyData: KeyMetadata;
  /** What people call the key. */
  name: string;
  /** Reads anew what the change changes. */
  onChanged: () => Promise<unknown>;
  onClose: () => void;
}

/** The domains that are hit when a key cannot be used. */
function Hit({ arn }: { arn: string }) {
  const t = useText(catalogue);
  const errorText = useErrorText();
  const { data: uses, error } = useKeyUses(arn);
  const domains = [...new Set(uses?.map((u) => u.DomainName))];
  if (error) {
    return (
      <Alert type="warning" header={t("usesUnknown")}>
        {errorText(error)}
      </Alert>
    );
  }
  if (!uses) return <StatusIndicator type="loading">{t("usesLoading")}</StatusIndicator>;
  if (domains.length === 0) return <Box>{t("unused")}</Box>;
  return <Alert type="warning">{t("inUse", { count: domains.length, domains: domains.join(", ") })}</Alert>;
}

/** Asks before a key is disabled, and disables it. */
export function DisableModal({ keyData: { KeyId = "", Arn = "" }, name, onChanged, onClose }: KeyModal) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const disable = async (): Promise<void> => {
    await kms().send(new DisableKeyCommand({ KeyId }));
    await onChanged();
    notify({ type: "success", text: t("disabled", { key: name }) });
  };
  return (
    <ConfirmModal title={t("disableTitle", { key: name })} action={t("disable")} onConfirm={disable} onClose={onClose}>
      <Box>{t("disableText")}</Box>
      <Hit arn={Arn} />
    </ConfirmModal>
  );
}

const windowOk = (days: string): boolean => /^\d{1,2}$/.test(days.trim()) && Number(days) >= 7 && Number(days) <= 30;

/** Asks before a key is to be deleted, and schedules that. */
export function ScheduleModal({ keyData: { KeyId = "", Arn = "" }, name, onChanged, onClose }: KeyModal) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const { dateTime } = useFormat();
  const [days, setDays] = useState("30");
  const schedule = async (): Promise<void> => {
    const { DeletionDate } = await kms().send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: Number(days) }));
    await onChanged();
    notify({ type: "warning", text: t("scheduled", { key: name, date: DeletionDate ? dateTime(DeletionDate) : "–" }) });
  };
  return (
    <ConfirmModal title={t("scheduleTitle", { key: name })} action={t("schedule")} word={t("scheduleWord")} disabled={!windowOk(days)} onConfirm={schedule} onClose={onClose}>
      <Box>{t("scheduleText")}</Box>
      <Hit arn={Arn} />
      <FormField label={t("window")} constraintText={t("windowRule")} errorText={!windowOk(days) && t("windowRule")}>
        <Input type="number" inputMode="numeric" value={days} onChange={({ detail }) => setDays(detail.value)} />
      </FormField>
    </ConfirmModal>
  );
}

/** Asks before the deletion of a key is cancelled, and cancels it. */
export function CancelDeletionModal({ keyData: { KeyId = "" }, name, onChanged, onClose }: KeyModal) {
  const t = useText(catalogue);
  const { notify } = useFrame();
  const cancel = async (): Promise<void> => {
    await kms().send(new CancelKeyDeletionCommand({ KeyId }));
    await onChanged();
    notify({ type: "success", text: t("deletionCancelled", { key: name }) });
  };
  return (
    <ConfirmModal title={t("cancelTitle", { key: name })} action={t("cancelDeletion")} onConfirm={cancel} onClose={onClose}>
      <Box>{t("cancelText")}</Box>
    </ConfirmModal>
  );
}

import { SetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { sqs } from "../../api/sqs";
import { useFrame } from "../../app/frame";
import { DurationInput } from "../../components/DurationInput";
import { ErrorAlert } from "../../components/ErrorAlert";
import { PagesSelect } from "../../components/PagesSelect";
import { useText } from "../../i18n/text";
import { type Queue, queueName, queueNameOfArn, queuesKey, useQueues } from "../../resources/queues";
import { useSession } from "../../session/useSession";
import catalogue from "./messages";
import { changes, faults, settingsOf } from "./settings";

/** Changes the settings of a queue. */
export function EditModal({ queue, onClose }: { queue: Queue; onClose: () => void }) {
  const t = useText(catalogue);
  const place = useSession();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const queues = useQueues();
  const others = { ...queues, items: queues.items.filter((url) => url !== queue.url) };
  // The queue that messages are moved to now lies beside this one.
  const current = queue.redrive && queue.url.slice(0, queue.url.lastIndexOf("/") + 1) + queueNameOfArn(queue.redrive.target);
  const [form, setForm] = useState(() => settingsOf(queue, current));
  const [tried, setTried] = useState(false);
  const wrong = faults(form);
  const save = useMutation({
    mutationFn: async () => {
      const Attributes = changes(queue, form, place);
      if (Object.keys(Attributes).length > 0) await sqs().send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes }));
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: queuesKey });
      notify({ type: "success", text: t("saved", { queue: queue.name }) });
      onClose();
    },
  });
  const submit = (): void => {
    setTried(true);
    if (wrong.size === 0) save.mutate();
  };
  return (
    <Modal
      visible
      size="large"
      header={t("editTitle", { queue: queue.name })}
      closeAriaLabel={t("close")}
      onDismiss={() => !save.isPending && onClose()}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" disabled={save.isPending} onClick={onClose}>
              {t("cancel")}
            </Button>
            <Button variant="primary" loading={save.isPending} onClick={submit}>
              {t("save")}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form
        onSubmit={(e) => {
          e.preventDefault();
          submit();
        }}
      >
        <SpaceBetween size="l">
          <ColumnLayout columns={2}>
            <FormField label={t("visibility")} description={t("visibilityHint")} constraintText={t("visibilityRule")} errorText={wrong.has("visibility") && t("visibilityRule")}>
              <DurationInput value={form.visibility} onChange={(visibility) => setForm({ ...form, visibility })} />
            </FormField>
            <FormField label={t("retention")} description={t("retentionHint")} constraintText={t("retentionRule")} errorText={wrong.has("retention") && t("retentionRule")}>
              <DurationInput value={form.retention} onChange={(retention) => setForm({ ...form, retention })} />
            </FormField>
            <FormField label={t("delay")} description={t("delayHint")} constraintText={t("delayRule")} errorText={wrong.has("delay") && t("delayRule")}>
              <DurationInput value={form.delay} onChange={(delay) => setForm({ ...form, delay })} />
            </FormField>
            <FormField label={t("wait")} description={t("waitHint")} constraintText={t("waitRule")} errorText={wrong.has("wait") && t("waitRule")}>
              <DurationInput value={form.wait} onChange={(wait) => setForm({ ...form, wait })} />
            </FormField>
            <FormField label={t("sizeField")} constraintText={t("sizeRule")} errorText={wrong.has("maximumSize") && t("sizeRule")}>
              <Input type="number" inputMode="numeric" value={form.maximumSize} onChange={({ detail }) => setForm({ ...form, maximumSize: detail.value })} />
            </FormField>
          </ColumnLayout>
          <Checkbox checked={form.moves} onChange={({ detail }) => setForm({ ...form, moves: detail.checked })}>
            {t("redriveField")}
          </Checkbox>
          {form.moves && (
            <SpaceBetween size="l">
              <Alert type="info">{t("redriveWarning")}</Alert>
              <ColumnLayout columns={2}>
                <FormField label={t("target")} errorText={tried && wrong.has("target") && t("needTarget")}>
                  <PagesSelect
                    list={others}
                    optionOf={(url) => ({ value: url, label: queueName(url) })}
                    value={form.target}
                    onChange={(target) => setForm({ ...form, target })}
                    placeholder={t("chooseQueue")}
                    empty={t("noQueues")}
                    refreshLabel={t("refreshQueues")}
                  />
                </FormField>
                <FormField label={t("receives")} constraintText={t("receivesRule")} errorText={wrong.has("receives") && t("receivesRule")}>
                  <Input type="number" inputMode="numeric" value={form.receives} onChange={({ detail }) => setForm({ ...form, receives: detail.value })} />
                </FormField>
              </ColumnLayout>
            </SpaceBetween>
          )}
          {save.error && <ErrorAlert error={save.error} />}
        </SpaceBetween>
      </form>
    </Modal>
  );
}

import { ChangeMessageVisibilityBatchCommand, DeleteMessageBatchCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Modal from "@cloudscape-design/components/modal";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { wholeList } from "../../api/pages";
import { sqs } from "../../api/sqs";
import { useFrame } from "../../app/frame";
import { ConfirmModal } from "../../components/ConfirmModal";
import { CopyBlock, CopyText } from "../../components/CopyText";
import { ErrorAlert } from "../../components/ErrorAlert";
import { parseJson } from "../../components/json";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { type Format, useFormat } from "../../i18n/format";
import { type Text, useText } from "../../i18n/text";
import { type Queue, queuesKey } from "../../resources/queues";
import { type Received, readMessage, together } from "./message";
import catalogue from "./messages";

const perCall = 10; // messages, of the API
const amounts = [10, 50, 100] as const;

function* batches<T>(list: readonly T[]): Generator<{ entry: T; id: string }[]> {
  for (let at = 0; at < list.length; at += perCall) yield list.slice(at, at + perCall).map((entry, i) => ({ entry, id: String(i) }));
}

/** Receives messages of a queue, shows them, and gives them back or deletes them. */
export function ReceivePart({ queue }: { queue: Queue }) {
  const t = useText(catalogue);
  const format = useFormat();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const [amount, setAmount] = useState<number>(amounts[0]);
  const [hide, setHide] = useState(String(queue.visibility));
  const [held, setHeld] = useState<readonly Received[]>([]);
  const [shown, setShown] = useState<Received>();
  const [deleting, setDeleting] = useState<readonly Received[]>();
  const valid = /^\d{1,5}$/.test(hide.trim()) && Number(hide) <= 43_200;

  const receive = useMutation({
    mutationFn: async () => {
      const got: Received[] = [];
      while (got.length < amount) {
        const out = await sqs().send(
          new ReceiveMessageCommand({
            QueueUrl: queue.url,
            MaxNumberOfMessages: Math.min(perCall, amount - got.length),
            VisibilityTimeout: Number(hide),
            WaitTimeSeconds: got.length === 0 ? 1 : 0,
            MessageSystemAttributeNames: ["All"],
            MessageAttributeNames: ["All"],
          }),
        );
        const found = (out.Messages ?? []).map(readMessage);
        if (found.length === 0) break;
        got.push(...found);
        if (Number(hide) === 0) break; // the same ones would come again
      }
      return got;
    },
    onSuccess: (got) => setHeld((before) => together(before, got)),
    onSettled: () => queries.invalidateQueries({ queryKey: queuesKey }),
  });

  const giveBack = useMutation({
    mutationFn: async (list: readonly Received[]) => {
      for (const batch of batches(list)) {
        // What somebody else has received since is not ours to give back, and no matter.
        await sqs().send(
          new ChangeMessageVisibilityBatchCommand({ QueueUrl: queue.url, Entries: batch.map(({ entry, id }) => ({ Id: id, ReceiptHandle: entry.receipt, VisibilityTimeout: 0 })) }),
        );
      }
    },
    onSuccess: (_, list) => {
      setHeld((before) => before.filter((m) => !list.includes(m)));
      notify({ type: "info", text: t("givenBack", { count: list.length }) });
    },
    onSettled: () => queries.invalidateQueries({ queryKey: queuesKey }),
  });

  const remove = async (list: readonly Received[]): Promise<void> => {
    let done = 0;
    let why = "";
    try {
      for (const batch of batches(list)) {
        const { Failed = [] } = await sqs().send(new DeleteMessageBatchCommand({ QueueUrl: queue.url, Entries: batch.map(({ entry, id }) => ({ Id: id, ReceiptHandle: entry.receipt })) }));
        const kept = new Set(Failed.map((f) => f.Id));
        const gone = batch.filter(({ id }) => !kept.has(id)).map(({ entry }) => entry);
        why ||= Failed[0]?.Message ?? Failed[0]?.Code ?? "";
        done += gone.length;
        setHeld((before) => before.filter((m) => !gone.includes(m)));
      }
    } finally {
      if (done > 0) notify({ type: "success", text: t("messagesDeleted", { count: done }) });
      await queries.invalidateQueries({ queryKey: queuesKey });
    }
    if (done < list.length) notify({ type: "error", text: t("messagesKept", { count: list.length - done, why }) });
  };

  const columns = useMemo(() => columnsOf(t, format, setShown), [t, format]);
  return (
    <SpaceBetween size="l">
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (valid) receive.mutate();
        }}
      >
        <Container
          header={
            <Header variant="h2" description={t("receiveText")} actions={<Button loading={receive.isPending}>{t("receive")}</Button>}>
              {t("receiveTitle")}
            </Header>
          }
        >
          <SpaceBetween size="l">
            <ColumnLayout columns={2}>
              <FormField label={t("howMany")}>
                <Select
                  options={amounts.map((n) => ({ value: String(n), label: format.number(n) }))}
                  selectedOption={{ value: String(amount), label: format.number(amount) }}
                  onChange={({ detail }) => setAmount(Number(detail.selectedOption.value))}
                />
              </FormField>
              <FormField label={t("hideFor")} errorText={!valid && t("hideForRule")}>
                <Input type="number" inputMode="numeric" value={hide} onChange={({ detail }) => setHide(detail.value)} />
              </FormField>
            </ColumnLayout>
            {receive.error && <ErrorAlert error={receive.error} />}
            {receive.data?.length === 0 && <Box color="text-status-info">{t("nothingThere")}</Box>}
          </SpaceBetween>
        </Container>
      </form>
      {giveBack.error && <ErrorAlert error={giveBack.error} />}
      <ResourceTable<Received>
        id="queue-messages"
        level="h2"
        title={t("received")}
        columns={columns}
        list={wholeList(held, { error: null, loading: false, fetching: receive.isPending, refresh: () => receive.mutate() })}
        keyOf={(m) => m.id}
        nameOf={(m) => (m.sent ? t("messageOf", { time: format.exact(m.sent) }) : m.id)}
        selection="multi"
        wrap
        empty={{ title: t("noneReceived"), text: t("noneReceivedText") }}
        actions={(selected) => {
          const chosen = held.filter((m) => selected.some((s) => s.id === m.id));
          return (
            <SpaceBetween direction="horizontal" size="xs">
              <Button disabled={chosen.length === 0} onClick={() => setDeleting(chosen)}>
                {t("deleteSelected")}
              </Button>
              <Button disabled={held.length === 0} loading={giveBack.isPending} onClick={() => giveBack.mutate(chosen.length > 0 ? chosen : held)}>
                {t("giveBack")}
              </Button>
            </SpaceBetween>
          );
        }}
      />
      {shown && <MessageModal message={shown} onClose={() => setShown(undefined)} />}
      {deleting && (
        <ConfirmModal title={t("deleteMessagesTitle", { count: deleting.length })} action={t("delete")} onConfirm={() => remove(deleting)} onClose={() => setDeleting(undefined)}>
          <Box>{t("deleteMessagesText")}</Box>
        </ConfirmModal>
      )}
    </SpaceBetween>
  );
}

const bodyShown = 200; // characters

function columnsOf(t: Text<typeof catalogue>, { number, bytes }: Format, onShow: (m: Received) => void): Column<Received>[] {
  return [
    {
      id: "sent",
      header: t("sentAt"),
      value: (m) => m.sent,
      cell: (m) => (
        <Button variant="inline-link" onClick={() => onShow(m)}>
          <Time at={m.sent} />
        </Button>
      ),
      rowHeader: true,
      minWidth: 200,
    },
    { id: "body", header: t("body"), value: (m) => m.body.slice(0, bodyShown), cell: (m) => <span style={{ overflowWrap: "anywhere" }}>{m.body.slice(0, bodyShown)}</span>, minWidth: 260 },
    { id: "receives", header: t("receiveCount"), value: (m) => m.receives, cell: (m) => number(m.receives), minWidth: 150 },
    { id: "size", header: t("size"), value: (m) => m.size, cell: (m) => bytes(m.size), minWidth: 100 },
    { id: "sender", header: t("sender"), value: (m) => m.sender, optional: true, minWidth: 160 },
    { id: "id", header: t("messageId"), value: (m) => m.id, optional: true, minWidth: 320 },
  ];
}

function MessageModal({ message, onClose }: { message: Received; onClose: () => void }) {
  const t = useText(catalogue);
  const parsed = parseJson(message.body);
  return (
    <Modal visible size="large" header={t("message")} closeAriaLabel={t("close")} onDismiss={onClose} footer={<Box float="right"><Button variant="primary" onClick={onClose}>{t("close")}</Button></Box>}>
      <SpaceBetween size="l">
        <KeyValuePairs
          columns={2}
          items={[
            { label: t("sentAt"), value: <Time at={message.sent} /> },
            { label: t("receiveCount"), value: message.receives },
            { label: t("sender"), value: message.sender || "–" },
            { label: t("messageId"), value: <CopyText text={message.id} name={t("messageId")} /> },
          ]}
        />
        {message.attributes.length > 0 && (
          <div>
            <Box variant="h3">{t("attributes")}</Box>
            <KeyValuePairs
              columns={1}
              items={message.attributes.map((a) => ({ label: `${a.name} (${a.type})`, value: <span style={{ overflowWrap: "anywhere" }}>{a.value ?? t("binary")}</span> }))}
            />
          </div>
        )}
        <div>
          <Box variant="h3">{t("body")}</Box>
          <CopyBlock text={"value" in parsed ? JSON.stringify(parsed.value, null, 2) : message.body} name={t("body")} />
        </div>
      </SpaceBetween>
    </Modal>
  );
}

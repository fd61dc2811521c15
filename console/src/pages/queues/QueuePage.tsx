import { SetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useParams, useSearchParams } from "react-router";
import { sqs } from "../../api/sqs";
import { AppLink } from "../../components/AppLink";
import { CopyText } from "../../components/CopyText";
import { ErrorAlert, useErrorText } from "../../components/ErrorAlert";
import { Loading } from "../../components/Loading";
import { Page } from "../../components/Page";
import { PolicyEditor } from "../../components/PolicyEditor";
import { Time } from "../../components/Time";
import { useFormat } from "../../i18n/format";
import { useText } from "../../i18n/text";
import { useQueueUses } from "../../resources/encryption";
import { type Queue, queueNameOfArn, queuesKey, useQueue } from "../../resources/queues";
import { EditModal } from "./EditModal";
import { DeleteModal, PurgeModal } from "./endings";
import catalogue from "./messages";
import { MovePart } from "./MovePart";
import { ReceivePart } from "./ReceivePart";
import { SendPart } from "./SendPart";

/** A queue: what it is, its messages, who may use it, and moving its messages elsewhere. */
export default function QueuePage() {
  const t = useText(catalogue);
  const { queueName = "" } = useParams();
  const { data: queue, error, isFetching, refetch } = useQueue(queueName);
  const [open, setOpen] = useState<"edit" | "purge" | "delete">();
  const close = (): void => setOpen(undefined);
  return (
    <Page
      title={queueName}
      crumbs={[{ text: t("title"), href: "/console/queues" }]}
      actions={
        queue && (
          <SpaceBetween direction="horizontal" size="xs">
            <Button iconName="refresh" ariaLabel={t("refresh")} loading={isFetching} onClick={() => void refetch()} />
            <Button onClick={() => setOpen("edit")}>{t("edit")}</Button>
            <Button onClick={() => setOpen("purge")}>{t("purge")}</Button>
            <Button onClick={() => setOpen("delete")}>{t("delete")}</Button>
          </SpaceBetween>
        )
      }
    >
      {queue ? (
        <SpaceBetween size="l">
          <Details queue={queue} />
          <Parts queue={queue} />
          {open === "edit" && <EditModal queue={queue} onClose={close} />}
          {open === "purge" && <PurgeModal queue={queue} onClose={close} />}
          {open === "delete" && <DeleteModal queue={queue} onClose={close} />}
        </SpaceBetween>
      ) : error ? (
        <ErrorAlert error={error} onRetry={() => void refetch()} />
      ) : (
        <Loading />
      )}
    </Page>
  );
}

function Details({ queue }: { queue: Queue }) {
  const t = useText(catalogue);
  const { number, duration, bytes } = useFormat();
  const { redrive } = queue;
  return (
    <Container header={<Header variant="h2">{t("details")}</Header>}>
      <KeyValuePairs
        columns={3}
        items={[
          { label: t("availableMessages"), value: number(queue.available) },
          { label: t("inFlightMessages"), value: number(queue.inFlight) },
          { label: t("delayedMessages"), value: number(queue.delayed) },
          { label: t("retention"), value: duration(queue.retention) },
          { label: t("visibility"), value: duration(queue.visibility) },
          { label: t("delay"), value: duration(queue.delay) },
          { label: t("wait"), value: duration(queue.wait) },
          { label: t("maximumSize"), value: bytes(queue.maximumSize) },
          {
            label: t("deadLetterQueue"),
            value: redrive ? (
              <AppLink href={`/console/queues/${queueNameOfArn(redrive.target)}`}>{t("afterReceives", { queue: queueNameOfArn(redrive.target), count: redrive.receives })}</AppLink>
            ) : (
              t("none")
            ),
          },
          { label: t("created"), value: <Time at={queue.created} /> },
          { label: t("modified"), value: <Time at={queue.modified} /> },
          { label: t("usedBy"), value: <Uses url={queue.url} /> },
          { label: t("arn"), value: <CopyText text={queue.arn} name={t("arn")} /> },
          { label: t("url"), value: <CopyText text={queue.url} name={t("url")} /> },
        ]}
      />
    </Container>
  );
}

/** The domains whose dead letters are in a queue. */
function Uses({ url }: { url: string }) {
  const t = useText(catalogue);
  const errorText = useErrorText();
  const { data: domains, error } = useQueueUses(url);
  if (error) return <>{errorText(error)}</>;
  if (!domains) return <>–</>;
  return (
    <>
      {domains.length === 0 && t("noDomain")}
      {domains.map((domain) => (
        <div key={domain}>
          <AppLink href={`/console/domains/${domain}/dead-letters`}>{domain}</AppLink>
        </div>
      ))}
    </>
  );
}

function Parts({ queue }: { queue: Queue }) {
  const t = useText(catalogue);
  const queries = useQueryClient();
  const [search, setSearch] = useSearchParams();
  const save = async (Policy: string): Promise<void> => {
    await sqs().send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: { Policy } }));
    await queries.invalidateQueries({ queryKey: queuesKey });
  };
  return (
    <Tabs
      activeTabId={search.get("tab") ?? "messages"}
      onChange={({ detail }) => setSearch({ tab: detail.activeTabId }, { replace: true })}
      tabs={[
        {
          id: "messages",
          label: t("tabMessages"),
          content: (
            <SpaceBetween size="l">
              <SendPart queue={queue} />
              <ReceivePart queue={queue} />
            </SpaceBetween>
          ),
        },
        {
          id: "policy",
          label: t("tabPolicy"),
          content: (
            <Container>
              <PolicyEditor policy={queue.policy} optional onSave={save} service={{ actions: ["sqs:SendMessage"], resource: queue.arn }} />
            </Container>
          ),
        },
        { id: "move", label: t("tabMove"), content: <MovePart queue={queue} /> },
      ]}
    />
  );
}

import { useMemo } from "react";
import { AppButton } from "../../components/AppButton";
import { AppLink } from "../../components/AppLink";
import { Page } from "../../components/Page";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { type Format, useFormat } from "../../i18n/format";
import { type Text, useText } from "../../i18n/text";
import { type QueueEntry, useQueueEntries } from "../../resources/queues";
import catalogue from "./messages";

/** The list of queues. */
export default function QueuesPage() {
  const t = useText(catalogue);
  const format = useFormat();
  const list = useQueueEntries();
  const columns = useMemo(() => columnsOf(t, format), [t, format]);
  return (
    <Page title={t("title")} headless>
      <ResourceTable<QueueEntry>
        id="queues"
        title={t("title")}
        description={t("description")}
        list={list}
        columns={columns}
        keyOf={(q) => q.url}
        nameOf={(q) => q.name}
        empty={{ title: t("empty"), text: t("emptyText"), action: <AppButton href="/console/queues/create">{t("create")}</AppButton> }}
        actions={
          <AppButton variant="primary" href="/console/queues/create">
            {t("create")}
          </AppButton>
        }
      />
    </Page>
  );
}

function columnsOf(t: Text<typeof catalogue>, { number, duration, bytes }: Format): Column<QueueEntry>[] {
  return [
    { id: "name", header: t("name"), value: (q) => q.name, cell: (q) => <AppLink href={`/console/queues/${q.name}`}>{q.name}</AppLink>, rowHeader: true, minWidth: 220 },
    { id: "available", header: t("available"), value: (q) => q.queue?.available, cell: (q) => (q.queue ? number(q.queue.available) : t("noAccess")), minWidth: 110 },
    { id: "inFlight", header: t("inFlight"), value: (q) => q.queue?.inFlight, cell: (q) => (q.queue ? number(q.queue.inFlight) : "–"), minWidth: 110 },
    { id: "delayed", header: t("delayed"), value: (q) => q.queue?.delayed, cell: (q) => (q.queue ? number(q.queue.delayed) : "–"), optional: true, minWidth: 110 },
    { id: "retention", header: t("retention"), value: (q) => q.queue?.retention, cell: (q) => (q.queue ? duration(q.queue.retention) : "–"), minWidth: 150 },
    { id: "created", header: t("created"), value: (q) => q.queue?.created, cell: (q) => <Time at={q.queue?.created} />, minWidth: 170 },
    { id: "visibility", header: t("visibility"), value: (q) => q.queue?.visibility, cell: (q) => (q.queue ? duration(q.queue.visibility) : "–"), optional: true, minWidth: 150 },
    { id: "maximumSize", header: t("maximumSize"), value: (q) => q.queue?.maximumSize, cell: (q) => (q.queue ? bytes(q.queue.maximumSize) : "–"), optional: true, minWidth: 130 },
    { id: "arn", header: t("arn"), value: (q) => q.queue?.arn, optional: true, minWidth: 360 },
  ];
}

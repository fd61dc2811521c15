import Box from "@cloudscape-design/components/box";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import LineChart from "@cloudscape-design/components/line-chart";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import { useState } from "react";
import type { ActivityBucket } from "../../api/kindred.types";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useFormat } from "../../i18n/format";
import { useText } from "../../i18n/text";
import { usePreferences } from "../../preferences/preferences";
import { type Span, useActivity } from "../../resources/activity";
import catalogue from "./messages";

const spans: readonly Span[] = ["day", "week", "quarter"];

/** What has happened in a domain, as charts. */
export function Activity({ domain }: { domain: string }) {
  const t = useText(catalogue);
  const [span, setSpan] = useState<Span>("day");
  const { data, error, isPending, refetch } = useActivity(domain, span);
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <SegmentedControl
              label={t("span")}
              selectedId={span}
              options={spans.map((id) => ({ id, text: t(id) }))}
              onChange={({ detail }) => setSpan(detail.selectedId as Span)}
            />
          }
        >
          {t("activity")}
        </Header>
      }
    >
      {error && !data ? (
        <ErrorAlert error={error} onRetry={() => void refetch()} />
      ) : (
        <ColumnLayout columns={2} minColumnWidth={380}>
          <Chart title={t("ingestion")} span={span} loading={isPending} buckets={data?.Buckets ?? []} lines={{ ObjectsIngested: t("ingested"), ProfilesCreated: t("profilesMade") }} />
          <Chart title={t("exceptions")} span={span} loading={isPending} buckets={data?.Buckets ?? []} lines={{ DeadLetters: t("deadLetters"), Merges: t("merges") }} />
        </ColumnLayout>
      )}
    </Container>
  );
}

type Count = Exclude<keyof ActivityBucket, "StartTime">;

function Chart({ title, span, buckets, loading, lines }: { title: string; span: Span; buckets: readonly ActivityBucket[]; loading: boolean; lines: Partial<Record<Count, string>> }) {
  const t = useText(catalogue);
  const { number, dateTime, date } = useFormat();
  const { locale } = usePreferences();
  const counts = Object.keys(lines) as Count[];
  const most = Math.max(0, ...buckets.flatMap((b) => counts.map((c) => b[c])));
  const first = buckets[0]?.StartTime;
  const last = buckets.at(-1)?.StartTime;
  const hour = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
  const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
  return (
    <div>
      <Box variant="h3" padding={{ bottom: "xs" }}>
        {title}
      </Box>
      <LineChart
        ariaLabel={title}
        height={180}
        hideFilter
        statusType={loading ? "loading" : "finished"}
        loadingText={t("loading")}
        empty={<Box textAlign="center">{t("nothingYet")}</Box>}
        xTitle={t("time")}
        xScaleType="time"
        {...(first && last && { xDomain: [first, last] })}
        yDomain={[0, Math.max(5, most)]}
        i18nStrings={{
          xTickFormatter: (x) => (span === "day" ? hour.format(x) : day.format(x)),
          yTickFormatter: (y) => (Number.isInteger(y) ? number(y) : ""),
        }}
        detailPopoverSeriesContent={({ series, y }) => ({ key: series.title, value: number(y) })}
        series={
          most === 0
            ? []
            : counts.map((c) => ({
                title: lines[c] ?? c,
                type: "line" as const,
                data: buckets.map((b) => ({ x: b.StartTime, y: b[c] })),
                valueFormatter: number,
              }))
        }
        {...(span === "quarter" ? { detailPopoverFooter: (x: Date) => date(x) } : { detailPopoverFooter: (x: Date) => dateTime(x) })}
      />
    </div>
  );
}

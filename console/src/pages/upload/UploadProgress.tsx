import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ErrorAlert } from "../../components/ErrorAlert";
import { inWords } from "../../components/preview/words";
import previewWords from "../../components/preview/messages";
import { useFormat } from "../../i18n/format";
import { type Text, useText } from "../../i18n/text";
import { domainsKey, useDomain } from "../../resources/domains";
import { objectTypesKey } from "../../resources/objecttypes";
import { type CurrentUpload, forgetUpload, useProgress } from "./current";
import type { Progress, Reason, Upload } from "./engine";
import catalogue from "./messages";
import { faultText } from "./UploadForm";

/** How far the upload is, and what was refused. */
export function UploadProgress({ current }: { current: CurrentUpload }) {
  const t = useText(catalogue);
  const queries = useQueryClient();
  const { upload, domain, objectType } = current;
  const progress = useProgress(upload);
  const { phase, error } = progress;
  const { data: known } = useDomain(domain);
  const ended = phase === "done" || phase === "cancelled";
  useEffect(() => {
    if (!ended) return;
    // What other pages show of the domain is not so any more.
    void queries.invalidateQueries({ queryKey: domainsKey });
    void queries.invalidateQueries({ queryKey: objectTypesKey(domain) });
  }, [ended, queries, domain]);
  return (
    <SpaceBetween size="l">
      {error !== undefined && phase === "paused" && <ErrorAlert error={error} onRetry={() => upload.resume()} />}
      {error !== undefined && phase === "done" && <Alert type="error">{faultText(error, t)}</Alert>}
      <Container
        header={
          <Header variant="h2" description={t("into", { type: objectType, domain })} actions={<Actions upload={upload} progress={progress} />}>
            {t("progress", { file: upload.file.name })}
          </Header>
        }
      >
        <SpaceBetween size="l">
          <Bar progress={progress} t={t} />
          <Figures progress={progress} t={t} />
        </SpaceBetween>
      </Container>
      {known?.DeadLetterQueueUrl && ended && progress.taken > 0 && <Alert type="info">{t("queueNote")}</Alert>}
      {progress.refused > 0 && <Refused upload={upload} reasons={progress.reasons} ended={ended} />}
    </SpaceBetween>
  );
}

function Actions({ upload, progress: { phase } }: { upload: Upload; progress: Progress }) {
  const t = useText(catalogue);
  if (phase === "done" || phase === "cancelled") {
    return <Button onClick={forgetUpload}>{t("uploadMore")}</Button>;
  }
  return (
    <SpaceBetween direction="horizontal" size="xs">
      {phase === "paused" ? (
        <Button variant="primary" onClick={() => upload.resume()}>
          {t("resume")}
        </Button>
      ) : (
        <Button disabled={phase === "stopping"} onClick={() => upload.pause()}>
          {t("pause")}
        </Button>
      )}
      <Button disabled={phase === "stopping"} onClick={() => upload.cancel()}>
        {t("cancel")}
      </Button>
    </SpaceBetween>
  );
}

function Bar({ progress, t }: { progress: Progress; t: Text<typeof catalogue> }) {
  const { phase, done, size, refused, error } = progress;
  const value = size === 0 ? 100 : Math.floor((100 * done) / size);
  if (phase === "running" || phase === "paused" || phase === "stopping") {
    return <ProgressBar value={value} label={t(phase)} description={t("staysHere")} />;
  }
  const failed = phase === "cancelled" || error !== undefined;
  const text = phase === "cancelled" ? t("cancelled") : error !== undefined ? t("broken") : refused > 0 ? t("doneRefused") : t("done");
  return <ProgressBar value={value} status={failed ? "error" : "success"} resultText={text} />;
}

function Figures({ progress, t }: { progress: Progress; t: Text<typeof catalogue> }) {
  const { number, bytes } = useFormat();
  const { phase, done, size, taken, refused, worked } = progress;
  const seconds = worked / 1000;
  const speed = seconds > 0 ? (taken + refused) / seconds : 0;
  const left = done > 0 && seconds > 1 ? Math.ceil((seconds * (size - done)) / done) : undefined;
  return (
    <KeyValuePairs
      columns={4}
      items={[
        { label: t("taken"), value: number(taken) },
        { label: t("refused"), value: number(refused) },
        { label: t("read"), value: t("ofSize", { done: bytes(done), size: bytes(size) }) },
        phase === "running" && left !== undefined
          ? { label: t("left"), value: left > 90 ? t("minutes", { count: Math.round(left / 60) }) : t("seconds", { count: left }) }
          : { label: t("speed"), value: number(Math.round(speed)) },
      ]}
    />
  );
}

function Refused({ upload, reasons, ended }: { upload: Upload; reasons: readonly Reason[]; ended: boolean }) {
  const t = useText(catalogue);
  const words = useText(previewWords);
  const { number } = useFormat();
  const [collecting, setCollecting] = useState(false);
  const items = [...reasons].sort((a, b) => b.count - a.count);
  const stem = upload.file.name.replace(/\.\w+$/, "");
  return (
    <Table<Reason>
      variant="container"
      wrapLines
      header={
        <Header
          variant="h2"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button
                iconName="download"
                disabled={!ended}
                loading={collecting}
                onClick={() => {
                  setCollecting(true);
                  void upload
                    .refusedRecords()
                    .then((blob) => download(blob, `${stem}.refused.jsonl`))
                    .finally(() => setCollecting(false));
                }}
              >
                {t("downloadRecords")}
              </Button>
              <Button iconName="download" disabled={!ended} onClick={() => download(upload.refusals(), `${stem}.reasons.jsonl`)}>
                {t("downloadReasons")}
              </Button>
            </SpaceBetween>
          }
        >
          {t("refusals")}
        </Header>
      }
      ariaLabels={{ tableLabel: t("refusals") }}
      items={items}
      trackBy="reason"
      columnDefinitions={[
        { id: "reason", header: t("reason"), isRowHeader: true, cell: (r) => <span style={{ overflowWrap: "anywhere" }}>{r.reason === "" ? t("otherReasons") : inWords(r.reason, words)}</span> },
        { id: "count", header: t("count"), width: 140, cell: (r) => number(r.count) },
        { id: "first", header: t("firstOne"), width: 140, cell: (r) => number(r.first) },
      ]}
    />
  );
}

/** Gives a file to the browser to save. */
function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button, { type ButtonProps } from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { kindred } from "../../api/kindred";
import { ErrorAlert } from "../../components/ErrorAlert";
import { useFormat } from "../../i18n/format";
import { type Text, useText } from "../../i18n/text";
import { lettersChanged } from "../../resources/deadletters";
import catalogue from "./messages";
import { type Scope, type Sum, redrive } from "./redrive";

/** How far a run is. The first one that is wanted has not begun. */
type Run = { phase: "asked" } | { phase: "running" | "done" | "stopped" | "failed"; dryRun: boolean; sum: Sum | undefined; error?: unknown };

/** Sends letters again, or tries it without changing anything, with its progress and what became of them. */
export function RedriveModal({ domain, scope, count, onClose }: { domain: string; scope: Scope; count: number; onClose: () => void }) {
  const t = useText(catalogue);
  const queries = useQueryClient();
  const [run, setRun] = useState<Run>({ phase: "asked" });
  const stop = useRef<AbortController>(undefined);
  const leave = useRef<ButtonProps.Ref>(null);
  useEffect(() => () => stop.current?.abort(), []);

  const start = async (dryRun: boolean): Promise<void> => {
    const control = new AbortController();
    stop.current = control;
    let sum: Sum | undefined;
    setRun({ phase: "running", dryRun, sum });
    try {
      sum = await redrive((input) => kindred().call("RedriveDeadLetters", input, { signal: control.signal }), domain, scope, dryRun, count, (now) => {
        sum = now;
        setRun({ phase: "running", dryRun, sum });
      });
      setRun({ phase: "done", dryRun, sum });
    } catch (error) {
      setRun(control.signal.aborted ? { phase: "stopped", dryRun, sum } : { phase: "failed", dryRun, sum, error });
    }
    if (!dryRun) await lettersChanged(queries);
  };

  const running = run.phase === "running";
  // What has been done is not offered again, so that the buttons go, and the focus with them.
  const again = run.phase === "asked" || run.phase === "stopped" || run.phase === "failed" || run.dryRun || run.sum?.more === true;
  useEffect(() => {
    if (!again && !running) leave.current?.focus();
  }, [again, running]);
  return (
    <Modal
      visible
      size="large"
      header={t("resendTitle", { count })}
      closeAriaLabel={t("close")}
      onDismiss={() => !running && onClose()}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button ref={leave} variant={again || running ? "link" : "primary"} onClick={() => (running ? stop.current?.abort() : onClose())}>
              {t(running ? "stop" : run.phase === "asked" ? "cancel" : "done")}
            </Button>
            {(again || running) && (
              <SpaceBetween direction="horizontal" size="xs">
                <Button loading={running && run.dryRun} disabled={running && !run.dryRun} onClick={() => void start(true)}>
                  {t("dryRun")}
                </Button>
                <Button variant="primary" loading={running && !run.dryRun} disabled={running && run.dryRun} onClick={() => void start(false)}>
                  {t("resend")}
                </Button>
              </SpaceBetween>
            )}
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <div>
          <Box>{t(`scope_${scope.kind}`)}</Box>
          {scope.kind === "error" && (
            <Box padding={{ top: "xxs" }}>
              <b>{scope.objectType}</b>: <span style={{ overflowWrap: "anywhere" }}>{scope.message}</span>
            </Box>
          )}
          {run.phase === "asked" && <Box padding={{ top: "s" }}>{t("resendText")}</Box>}
        </div>
        {run.phase !== "asked" && <Outcome run={run} />}
      </SpaceBetween>
    </Modal>
  );
}

function Outcome({ run }: { run: Exclude<Run, { phase: "asked" }> }) {
  const t = useText(catalogue);
  const { number } = useFormat();
  const { phase, dryRun, sum, error } = run;
  const done = sum ? sum.redriven + sum.failed + sum.skipped : 0;
  return (
    <SpaceBetween size="m">
      {phase === "running" && (
        <ProgressBar
          label={t(dryRun ? "dryRunning" : "running")}
          value={sum && sum.total > 0 ? Math.min(100, (100 * done) / sum.total) : 0}
          {...(sum && { additionalInfo: t("progress", { done: number(done), total: number(Math.max(done, sum.total)) }) })}
        />
      )}
      {phase === "failed" && <ErrorAlert error={error} />}
      {phase === "stopped" && <Alert type="warning">{t("stopped")}</Alert>}
      {sum && phase !== "running" && <Result sum={sum} dryRun={dryRun} done={done} />}
    </SpaceBetween>
  );
}

function Result({ sum, dryRun, done }: { sum: Sum; dryRun: boolean; done: number }) {
  const t = useText(catalogue);
  const { dateTime } = useFormat();
  if (done === 0) {
    return (
      <Alert type="info" header={t("nothingThere")}>
        {sum.inFlight > 0 && t("inFlight", { count: sum.inFlight })}
      </Alert>
    );
  }
  return (
    <SpaceBetween size="m">
      <Alert type={sum.failed > 0 ? "warning" : "success"} header={t(dryRun ? "wouldPass" : "passed", { count: sum.redriven })}>
        <Box variant="span" color="inherit">
          {lines(t, sum, dryRun).map((line) => (
            <div key={line}>{line}</div>
          ))}
        </Box>
      </Alert>
      {sum.failures.length > 0 && (
        <Table
          variant="embedded"
          wrapLines
          header={<Box variant="h3">{t("failures")}</Box>}
          ariaLabels={{ tableLabel: t("failures") }}
          items={[...sum.failures]}
          trackBy={(f) => `${f.ObjectTypeName} ${f.Message}`}
          columnDefinitions={[
            { id: "count", header: t("count"), cell: (f) => f.Count, width: 100 },
            { id: "objectType", header: t("objectType"), cell: (f) => f.ObjectTypeName, width: 150 },
            { id: "error", header: t("error"), cell: (f) => f.Message, isRowHeader: true },
          ]}
        />
      )}
      {sum.notes.length > 0 && (
        <div>
          <Box variant="h3">{t("notes")}</Box>
          {sum.notes.map((n) => (
            <div key={n.Id}>
              {t("letterOf", { type: n.ObjectTypeName, time: dateTime(n.SentAt) })}: {n.Note}
            </div>
          ))}
        </div>
      )}
    </SpaceBetween>
  );
}

/** What there is to say of a run beside how many letters passed. */
function lines(t: Text<typeof catalogue>, sum: Sum, dryRun: boolean): string[] {
  return [
    sum.failed > 0 ? t(dryRun ? "wouldFail" : "failedAgain", { count: sum.failed }) + "." : "",
    sum.skipped > 0 ? t("skipped", { count: sum.skipped }) + "." : "",
    sum.inFlight > 0 ? t("inFlight", { count: sum.inFlight }) : "",
    sum.more ? t("moreLeft") : "",
    dryRun ? t("unchanged") : "",
  ].filter((line) => line !== "");
}

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { useParams } from "react-router";
import { kindred } from "../../api/kindred";
import type { Job, JobState } from "../../api/kindred.types";
import { ConfirmModal } from "../../components/ConfirmModal";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Page } from "../../components/Page";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { useFormat } from "../../i18n/format";
import { type Text, useText } from "../../i18n/text";
import { jobsKey, useJobs } from "../../resources/jobs";
import catalogue from "./messages";

const looks: Readonly<Record<JobState, StatusIndicatorProps.Type>> = { PENDING: "pending", RUNNING: "in-progress", PAUSED: "stopped", SUCCEEDED: "success", FAILED: "error", CANCELLED: "stopped" };

type Step = "PauseJob" | "ResumeJob" | "CancelJob";

/** What can be done with a job in a state. */
export function steps({ State, Cancelling }: Pick<Job, "State" | "Cancelling">): Step[] {
  if (Cancelling) return [];
  switch (State) {
    case "PENDING":
    case "RUNNING":
      return ["PauseJob", "CancelJob"];
    case "PAUSED":
    case "FAILED":
      return ["ResumeJob", "CancelJob"];
    default:
      return [];
  }
}

const anewEvery = 2000; // milliseconds, while something is going on

const kindName = (t: Text<typeof catalogue>, kind: string): string => (kind === "reseal" || kind === "replay" ? t(kind) : kind);

/** The long work of a domain, which can be paused, resumed and cancelled. */
export default function JobsPage() {
  const t = useText(catalogue);
  const { domainName = "" } = useParams();
  const { number } = useFormat();
  const queries = useQueryClient();
  const list = useJobs(domainName);
  const [cancelling, setCancelling] = useState<Job>();
  const { refresh, items } = list;
  const busy = items.some((j) => j.State === "RUNNING" || j.State === "PENDING" || j.Cancelling);
  useEffect(() => {
    if (!busy) return undefined;
    const timer = setInterval(refresh, anewEvery);
    return () => clearInterval(timer);
  }, [busy, refresh]);
  const steer = useMutation({
    mutationFn: ({ step, id }: { step: Step; id: string }) => kindred().call(step, { DomainName: domainName, JobId: id }),
    onSettled: () => queries.invalidateQueries({ queryKey: jobsKey(domainName) }),
  });
  const { mutate } = steer;
  const columns = useMemo<Column<Job>[]>(
    () => [
      { id: "kind", header: t("kind"), value: (j) => kindName(t, j.Kind), rowHeader: true, minWidth: 160 },
      { id: "subject", header: t("subject"), value: (j) => j.Subject },
      { id: "state", header: t("state"), value: (j) => (j.Cancelling ? t("cancelling") : t(j.State)), cell: (j) => <StatusIndicator type={looks[j.State]}>{j.Cancelling ? t("cancelling") : t(j.State)}</StatusIndicator> },
      {
        id: "progress",
        header: t("progress"),
        minWidth: 180,
        value: (j) => j.DoneCount,
        cell: (j) =>
          j.TotalCount && !j.EndedAt ? (
            <ProgressBar ariaLabel={t("progress")} value={Math.min(100, (100 * j.DoneCount) / j.TotalCount)} additionalInfo={t("progressOf", { done: j.DoneCount, total: j.TotalCount })} />
          ) : (
            number(j.DoneCount)
          ),
      },
      { id: "failed", header: t("failed"), value: (j) => j.FailedCount, cell: (j) => number(j.FailedCount) },
      { id: "created", header: t("created"), value: (j) => j.CreatedAt, cell: (j) => <Time at={j.CreatedAt} /> },
      { id: "by", header: t("by"), value: (j) => j.RequestedBy?.split("/").pop() },
      { id: "ended", header: t("ended"), value: (j) => j.EndedAt, cell: (j) => <Time at={j.EndedAt} />, optional: true },
      { id: "message", header: t("message"), value: (j) => j.Message, optional: true },
      {
        id: "steps",
        header: t("actions"),
        cell: (j) => (
          <SpaceBetween direction="horizontal" size="s">
            {steps(j).map((step) => (
              <Button
                key={step}
                variant="inline-link"
                ariaLabel={`${t(verbs[step])}: ${kindName(t, j.Kind)}`}
                onClick={() => (step === "CancelJob" ? setCancelling(j) : mutate({ step, id: j.JobId }))}
              >
                {t(verbs[step])}
              </Button>
            ))}
            {steps(j).length === 0 && <Box variant="span">{t("nothing")}</Box>}
          </SpaceBetween>
        ),
      },
    ],
    [t, number, mutate],
  );
  return (
    <Page title={t("title")} subject={domainName} crumbs={[{ text: domainName, href: `/console/domains/${domainName}` }]} headless>
      {steer.error && <ErrorAlert error={steer.error} />}
      <ResourceTable
        id="jobs"
        title={t("title")}
        description={t("description")}
        columns={columns}
        list={list}
        keyOf={(j) => j.JobId}
        nameOf={(j) => kindName(t, j.Kind)}
        empty={{ title: t("empty"), text: t("emptyText") }}
      />
      {cancelling && (
        <ConfirmModal title={t("cancelTitle")} action={t("cancel")} onConfirm={() => steer.mutateAsync({ step: "CancelJob", id: cancelling.JobId })} onClose={() => setCancelling(undefined)}>
          {t("cancelText")}
        </ConfirmModal>
      )}
    </Page>
  );
}

const verbs = { PauseJob: "pause", ResumeJob: "resume", CancelJob: "cancel" } as const;

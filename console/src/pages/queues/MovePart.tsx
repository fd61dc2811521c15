import { CancelMessageMoveTaskCommand, type ListMessageMoveTasksResultEntry, StartMessageMoveTaskCommand } from "@aws-sdk/client-sqs";
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { wholeList } from "../../api/pages";
import { sqs } from "../../api/sqs";
import { useFrame } from "../../app/frame";
import { AppLink } from "../../components/AppLink";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Loading } from "../../components/Loading";
import { PagesSelect } from "../../components/PagesSelect";
import { type Column, ResourceTable } from "../../components/ResourceTable";
import { Time } from "../../components/Time";
import { type Format, useFormat } from "../../i18n/format";
import { type Text, useText } from "../../i18n/text";
import { type Queue, queueArn, queueName, queueNameOfArn, queuesKey, useMoveTasks, useQueues, useSourceQueues } from "../../resources/queues";
import { useSession } from "../../session/useSession";
import catalogue from "./messages";

/** Moves messages out of a queue that is the dead letter queue of others. */
export function MovePart({ queue }: { queue: Queue }) {
  const t = useText(catalogue);
  const sources = useSourceQueues(queue.url);
  if (sources.error) return <ErrorAlert error={sources.error} onRetry={sources.refresh} />;
  if (sources.loading) return <Loading />;
  return (
    <SpaceBetween size="l">
      {sources.items.length === 0 ? (
        <Alert type="info" header={t("moveNone")}>
          {t("moveNoneText")}
        </Alert>
      ) : (
        <Start queue={queue} sources={sources.items} />
      )}
      <Tasks queue={queue} />
    </SpaceBetween>
  );
}

function Start({ queue, sources }: { queue: Queue; sources: readonly string[] }) {
  const t = useText(catalogue);
  const { region, accountId } = useSession();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const queues = useQueues();
  const others = { ...queues, items: queues.items.filter((url) => url !== queue.url) };
  const [kind, setKind] = useState<"sources" | "queue">("sources");
  const [target, setTarget] = useState<string>();
  const [rate, setRate] = useState("");
  const [tried, setTried] = useState(false);
  const rateOk = rate.trim() === "" || (/^\d{1,3}$/.test(rate.trim()) && Number(rate) >= 1 && Number(rate) <= 500);
  const targetOk = kind === "sources" || target !== undefined;
  const start = useMutation({
    mutationFn: () =>
      sqs().send(
        new StartMessageMoveTaskCommand({
          SourceArn: queue.arn,
          ...(kind === "queue" && target !== undefined && { DestinationArn: queueArn(region, accountId, queueName(target)) }),
          ...(rate.trim() !== "" && { MaxNumberOfMessagesPerSecond: Number(rate) }),
        }),
      ),
    onSuccess: async () => {
      notify({ type: "info", text: t("started") });
      await queries.invalidateQueries({ queryKey: queuesKey });
    },
  });
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        setTried(true);
        if (rateOk && targetOk) start.mutate();
      }}
    >
      <Container
        header={
          <Header variant="h2" description={t("moveText")} actions={<Button loading={start.isPending}>{t("start")}</Button>}>
            {t("moveTitle")}
          </Header>
        }
      >
        <SpaceBetween size="l">
          <div>
            {t("sources")}:{" "}
            {sources.map((url, i) => (
              <span key={url}>
                {i > 0 && ", "}
                <AppLink href={`/console/queues/${queueName(url)}`}>{queueName(url)}</AppLink>
              </span>
            ))}
          </div>
          <FormField label={t("destination")}>
            <RadioGroup
              value={kind}
              items={[
                { value: "sources", label: t("toSources") },
                { value: "queue", label: t("toQueue") },
              ]}
              onChange={({ detail }) => setKind(detail.value === "queue" ? "queue" : "sources")}
            />
          </FormField>
          {kind === "queue" && (
            <FormField label={t("target")} errorText={tried && !targetOk && t("needTarget")}>
              <PagesSelect
                list={others}
                optionOf={(url) => ({ value: url, label: queueName(url) })}
                value={target}
                onChange={setTarget}
                placeholder={t("chooseQueue")}
                empty={t("noQueues")}
                refreshLabel={t("refreshQueues")}
              />
            </FormField>
          )}
          <FormField label={t("rate")} description={t("rateHint")} constraintText={t("rateRule")} errorText={!rateOk && t("rateRule")}>
            <Input type="number" inputMode="numeric" value={rate} onChange={({ detail }) => setRate(detail.value)} />
          </FormField>
          {start.error && <ErrorAlert error={start.error} />}
        </SpaceBetween>
      </Container>
    </form>
  );
}

function Tasks({ queue }: { queue: Queue }) {
  const t = useText(catalogue);
  const format = useFormat();
  const { notify } = useFrame();
  const queries = useQueryClient();
  const { data = [], error, isPending, isFetching, refetch } = useMoveTasks(queue.arn);
  const stop = useMutation({
    mutationFn: (TaskHandle: string) => sqs().send(new CancelMessageMoveTaskCommand({ TaskHandle })),
    onSuccess: () => notify({ type: "info", text: t("stopped") }),
    onSettled: () => queries.invalidateQueries({ queryKey: queuesKey }),
  });
  const { mutate } = stop;
  // What is moved leaves the queue, whose counts are shown above.
  const moved = data.reduce((sum, task) => sum + (task.ApproximateNumberOfMessagesMoved ?? 0), 0);
  useEffect(() => {
    if (moved > 0) void queries.invalidateQueries({ queryKey: [...queuesKey, "one", queue.name] });
  }, [queries, queue.name, moved]);
  const columns = useMemo(() => taskColumns(t, format, mutate), [t, format, mutate]);
  return (
    <>
      {stop.error && <ErrorAlert error={stop.error} />}
      <ResourceTable<ListMessageMoveTasksResultEntry>
        id="move-tasks"
        level="h2"
        title={t("tasks")}
        columns={columns}
        list={wholeList(data, { error, loading: isPending, fetching: isFetching, refresh: () => void refetch() })}
        keyOf={(task) => String(task.StartedTimestamp)}
        nameOf={(task) => format.exact(startOf(task))}
        empty={{ title: t("noTasks") }}
        wrap
      />
    </>
  );
}

const looks = { RUNNING: "in-progress", COMPLETED: "success", CANCELLING: "pending", CANCELLED: "stopped", FAILED: "error" } as const;

const startOf = (task: ListMessageMoveTasksResultEntry): Date => new Date(task.StartedTimestamp ?? 0);

function taskColumns(t: Text<typeof catalogue>, { number, exact }: Format, onStop: (handle: string) => void): Column<ListMessageMoveTasksResultEntry>[] {
  return [
    { id: "started", header: t("startedAt"), value: startOf, cell: (task) => <Time at={startOf(task)} />, rowHeader: true, minWidth: 200 },
    {
      id: "status",
      header: t("status"),
      value: (task) => task.Status ?? "",
      cell: (task) => {
        const status = (task.Status ?? "RUNNING") as keyof typeof looks;
        return (
          <>
            <StatusIndicator type={looks[status]}>{t(status)}</StatusIndicator>
            {task.FailureReason && <div>{task.FailureReason === "CouldNotDetermineMessageSource" ? t("noSource") : task.FailureReason}</div>}
          </>
        );
      },
      minWidth: 220,
    },
    {
      id: "moved",
      header: t("moved"),
      value: (task) => task.ApproximateNumberOfMessagesMoved,
      cell: (task) => t("movedOf", { moved: number(task.ApproximateNumberOfMessagesMoved ?? 0), total: number(task.ApproximateNumberOfMessagesToMove ?? 0) }),
      minWidth: 120,
    },
    { id: "destination", header: t("destination"), value: (task) => (task.DestinationArn ? queueNameOfArn(task.DestinationArn) : t("toSources")), minWidth: 180 },
    {
      id: "stop",
      header: t("stop"),
      cell: (task) =>
        task.TaskHandle ? (
          <Button variant="inline-link" ariaLabel={t("stopOf", { time: exact(startOf(task)) })} onClick={() => task.TaskHandle && onStop(task.TaskHandle)}>
            {t("stop")}
          </Button>
        ) : (
          "–"
        ),
      minWidth: 90,
    },
  ];
}

import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListDeadLetterSourceQueuesCommand,
  ListMessageMoveTasksCommand,
  type ListMessageMoveTasksResultEntry,
  ListQueuesCommand,
} from "@aws-sdk/client-sqs";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { explain } from "../api/errors";
import { type Pages, usePages } from "../api/pages";
import { sqs } from "../api/sqs";

/** Under what everything of queues is cached. */
export const queuesKey = ["sqs", "queues"] as const;

/** The API's rule for the name of a standard queue. */
export const queueNamePattern = /^[a-zA-Z0-9_-]{1,80}$/;

/** The URLs of the queues, page by page. */
export function useQueues(): Pages<string> {
  return usePages([...queuesKey, "list"], async (token, signal) => {
    const out = await sqs().send(new ListQueuesCommand({ MaxResults: 100, ...(token && { NextToken: token }) }), { abortSignal: signal });
    return { items: out.QueueUrls ?? [], next: out.NextToken };
  });
}

/** The name in a queue's URL, which people know it by. */
export const queueName = (url: string): string => url.slice(url.lastIndexOf("/") + 1);

/** The ARN of a queue. */
export const queueArn = (region: string, account: string, name: string): string => `arn:aws:sqs:${region}:${account}:${name}`;

/** The name in the ARN of a queue. */
export const queueNameOfArn = (arn: string): string => arn.slice(arn.lastIndexOf(":") + 1);

/** Where messages go that were received too often. */
export interface RedrivePolicy {
  /** The ARN of the queue. */
  target: string;
  receives: number;
}

/** What a queue is, how it is set, and how many messages it holds. Times are in seconds, sizes in bytes. */
export interface Queue {
  url: string;
  name: string;
  arn: string;
  available: number;
  inFlight: number;
  delayed: number;
  created: Date;
  modified: Date;
  visibility: number;
  retention: number;
  delay: number;
  wait: number;
  maximumSize: number;
  /** JSON; empty: none. */
  policy: string;
  redrive: RedrivePolicy | undefined;
}

/** A queue in a list; attributes is absent where the user may not see them. */
export interface QueueEntry {
  url: string;
  name: string;
  queue?: Queue | undefined;
}

/** Reads the attributes of a queue, as GetQueueAttributes gives them. */
export function readQueue(url: string, a: Readonly<Record<string, string>>): Queue {
  const number = (name: string): number => Number(a[name] ?? 0);
  const time = (name: string): Date => new Date(number(name) * 1000);
  return {
    url,
    name: queueName(url),
    arn: a.QueueArn ?? "",
    available: number("ApproximateNumberOfMessages"),
    inFlight: number("ApproximateNumberOfMessagesNotVisible"),
    delayed: number("ApproximateNumberOfMessagesDelayed"),
    created: time("CreatedTimestamp"),
    modified: time("LastModifiedTimestamp"),
    visibility: number("VisibilityTimeout"),
    retention: number("MessageRetentionPeriod"),
    delay: number("DelaySeconds"),
    wait: number("ReceiveMessageWaitTimeSeconds"),
    maximumSize: number("MaximumMessageSize"),
    policy: a.Policy ?? "",
    redrive: readRedrivePolicy(a.RedrivePolicy),
  };
}

function readRedrivePolicy(text: string | undefined): RedrivePolicy | undefined {
  if (!text) return undefined;
  try {
    const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(text) as { deadLetterTargetArn?: string; maxReceiveCount?: number | string };
    return deadLetterTargetArn ? { target: deadLetterTargetArn, receives: Number(maxReceiveCount ?? 10) } : undefined;
  } catch {
    return undefined; // the server does not take such a policy
  }
}

async function getQueue(url: string, signal: AbortSignal): Promise<Queue> {
  const { Attributes } = await sqs().send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }), { abortSignal: signal });
  return readQueue(url, Attributes ?? {});
}

/** The queues with what is known of each, page by page. */
export function useQueueEntries(): Pages<QueueEntry> {
  return usePages([...queuesKey, "entries"], async (token, signal) => {
    // One call for each queue, so pages are small.
    const out = await sqs().send(new ListQueuesCommand({ MaxResults: 25, ...(token && { NextToken: token }) }), { abortSignal: signal });
    const entries = await Promise.all((out.QueueUrls ?? []).map((url) => entry(url, signal)));
    return { items: entries.filter((e) => e !== undefined), next: out.NextToken };
  });
}

async function entry(url: string, signal: AbortSignal): Promise<QueueEntry | undefined> {
  try {
    return { url, name: queueName(url), queue: await getQueue(url, signal) };
  } catch (e) {
    const { kind } = explain(e);
    if (kind === "notFound") return undefined; // deleted since the list
    if (kind === "denied") return { url, name: queueName(url) };
    throw e;
  }
}

/** A queue by its name. */
export function useQueue(name: string): UseQueryResult<Queue> {
  return useQuery({
    queryKey: [...queuesKey, "one", name],
    queryFn: async ({ signal }) => {
      const { QueueUrl = "" } = await sqs().send(new GetQueueUrlCommand({ QueueName: name }), { abortSignal: signal });
      return getQueue(QueueUrl, signal);
    },
  });
}

/** The queues whose messages go to a queue when they were received too often, by their URLs. */
export function useSourceQueues(url: string): Pages<string> {
  return usePages([...queuesKey, "sources", url], async (token, signal) => {
    const out = await sqs().send(new ListDeadLetterSourceQueuesCommand({ QueueUrl: url, MaxResults: 100, ...(token && { NextToken: token }) }), { abortSignal: signal });
    return { items: out.queueUrls ?? [], next: out.NextToken };
  });
}

const pollEvery = 1500; // milliseconds

/** The latest move tasks of a queue, the latest first; read again while one is running. */
export function useMoveTasks(arn: string): UseQueryResult<ListMessageMoveTasksResultEntry[]> {
  return useQuery({
    queryKey: [...queuesKey, "tasks", arn],
    queryFn: async ({ signal }) => {
      const out = await sqs().send(new ListMessageMoveTasksCommand({ SourceArn: arn, MaxResults: 10 }), { abortSignal: signal });
      return out.Results ?? [];
    },
    refetchInterval: ({ state }) => (state.data?.some((task) => task.Status === "RUNNING") ? pollEvery : false),
  });
}

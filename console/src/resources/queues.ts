import { ListQueuesCommand } from "@aws-sdk/client-sqs";
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

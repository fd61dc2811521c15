import { expect, it } from "vitest";
import { queueNameOfArn, readQueue } from "./queues";

const url = "http://127.0.0.1:4620/000000000000/dlq";

it("reads the attributes of a queue", () => {
  const queue = readQueue(url, {
    QueueArn: "arn:aws:sqs:us-east-1:000000000000:dlq",
    ApproximateNumberOfMessages: "3",
    ApproximateNumberOfMessagesNotVisible: "2",
    ApproximateNumberOfMessagesDelayed: "1",
    CreatedTimestamp: "1700000000",
    LastModifiedTimestamp: "1700000001",
    VisibilityTimeout: "30",
    MessageRetentionPeriod: "345600",
    DelaySeconds: "0",
    ReceiveMessageWaitTimeSeconds: "5",
    MaximumMessageSize: "1048576",
    RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:other","maxReceiveCount":"5"}',
  });
  expect(queue).toEqual({
    url,
    name: "dlq",
    arn: "arn:aws:sqs:us-east-1:000000000000:dlq",
    available: 3,
    inFlight: 2,
    delayed: 1,
    created: new Date(1700000000000),
    modified: new Date(1700000001000),
    visibility: 30,
    retention: 345600,
    delay: 0,
    wait: 5,
    maximumSize: 1048576,
    policy: "",
    redrive: { target: "arn:aws:sqs:us-east-1:000000000000:other", receives: 5 },
  });
  expect(queueNameOfArn(queue.redrive?.target ?? "")).toBe("other");
});

it("takes a redrive policy that cannot be read for none", () => {
  for (const RedrivePolicy of ["{", "{}", "", '{"deadLetterTargetArn":""}']) expect(readQueue(url, { RedrivePolicy }).redrive).toBeUndefined();
  expect(readQueue(url, { RedrivePolicy: '{"deadLetterTargetArn":"a:b:c"}' }).redrive).toEqual({ target: "a:b:c", receives: 10 });
});

import { expect, it } from "vitest";
import { type Queue, readQueue } from "../../resources/queues";
import { type Settings, changes, faults, settingsOf } from "./settings";

const place = { region: "us-east-1", accountId: "000000000000" };
const arn = (name: string): string => `arn:aws:sqs:us-east-1:000000000000:${name}`;
const url = (name: string): string => `http://127.0.0.1:4620/000000000000/${name}`;
const queue: Queue = readQueue(url("dlq"), {
  QueueArn: arn("dlq"),
  VisibilityTimeout: "30",
  MessageRetentionPeriod: "345600",
  DelaySeconds: "0",
  ReceiveMessageWaitTimeSeconds: "0",
  MaximumMessageSize: "1048576",
});
const settings = settingsOf(queue, undefined);

it("changes nothing that was not changed", () => {
  expect([...faults(settings)]).toEqual([]);
  expect(changes(queue, settings, place)).toEqual({});
});

it("finds what breaks a rule of the API", () => {
  const bad: Settings = {
    visibility: { amount: "13", unit: "h" },
    retention: { amount: "59", unit: "s" },
    delay: { amount: "16", unit: "m" },
    wait: { amount: "x", unit: "s" },
    maximumSize: "1023",
    moves: true,
    target: undefined,
    receives: "0",
  };
  expect([...faults(bad)]).toEqual(["visibility", "retention", "delay", "wait", "maximumSize", "target", "receives"]);
  expect([...faults({ ...bad, moves: false })]).not.toContain("receives");
});

it("sends what was changed, in seconds", () => {
  expect(changes(queue, { ...settings, visibility: { amount: "2", unit: "m" }, retention: { amount: "14", unit: "d" }, maximumSize: "2048" }, place)).toEqual({
    VisibilityTimeout: "120",
    MessageRetentionPeriod: "1209600",
    MaximumMessageSize: "2048",
  });
});

it("sets, keeps and takes away where messages go that are received too often", () => {
  const to = { ...settings, moves: true, target: url("other"), receives: "5" };
  const policy = changes(queue, to, place).RedrivePolicy;
  expect(JSON.parse(policy ?? "")).toEqual({ deadLetterTargetArn: arn("other"), maxReceiveCount: 5 });
  const moving: Queue = { ...queue, redrive: { target: arn("other"), receives: 5 } };
  expect(changes(moving, to, place)).toEqual({});
  expect(changes(moving, { ...to, receives: "6" }, place)).toHaveProperty("RedrivePolicy");
  expect(changes(moving, { ...to, moves: false }, place)).toEqual({ RedrivePolicy: "" });
});

import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";

/** An attribute of a message as it is entered. */
export interface Attribute {
  name: string;
  type: "String" | "Number";
  value: string;
}

/** A message as it is entered. */
export interface Draft {
  body: string;
  /** Seconds; empty: as the queue has it. */
  delay: string;
  attributes: readonly Attribute[];
}

const namePattern = /^(?!(?:aws|amazon)\.)(?!\.)(?!.*\.\.)[\w.-]{1,256}(?<!\.)$/i;

/** What is wrong with an attribute: its name (missing, not allowed, there twice) or its value. */
export function wrongAttribute(list: readonly Attribute[], index: number): "name" | "number" | "value" | undefined {
  const { name = "", type, value = "" } = list[index] ?? {};
  if (!namePattern.test(name) || list.some((a, i) => i !== index && a.name === name)) return "name";
  if (value === "") return "value";
  return type === "Number" && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? "number" : undefined;
}

/** The parts of a draft that break a rule. */
export function faults(d: Draft): Set<keyof Draft> {
  const found = new Set<keyof Draft>();
  if (d.body === "") found.add("body");
  if (d.delay.trim() !== "" && !(/^\d{1,3}$/.test(d.delay.trim()) && Number(d.delay) <= 900)) found.add("delay");
  if (d.attributes.some((_, i) => wrongAttribute(d.attributes, i))) found.add("attributes");
  return found;
}

/** The attributes of a draft, as SendMessage takes them. */
export function attributesOf(d: Draft): Record<string, MessageAttributeValue> {
  return Object.fromEntries(d.attributes.map(({ name, type, value }) => [name, { DataType: type, StringValue: value }]));
}

/** What is shown of a message that was received. */
export interface Received {
  id: string;
  receipt: string;
  body: string;
  sent: Date | undefined;
  receives: number;
  size: number;
  sender: string;
  /** value is absent where it is no text. */
  attributes: readonly { name: string; type: string; value: string | undefined }[];
}

/** Reads a message that was received. */
export function readMessage(m: Message): Received {
  const system: Readonly<Record<string, string>> = m.Attributes ?? {};
  const body = m.Body ?? "";
  return {
    id: m.MessageId ?? "",
    receipt: m.ReceiptHandle ?? "",
    body,
    sent: system.SentTimestamp ? new Date(Number(system.SentTimestamp)) : undefined,
    receives: Number(system.ApproximateReceiveCount ?? 0),
    size: new TextEncoder().encode(body).length,
    sender: system.SenderId ?? "",
    attributes: Object.entries(m.MessageAttributes ?? {}).map(([name, a]) => ({ name, type: a.DataType ?? "", value: a.StringValue })),
  };
}

/** The messages that are held, with others received since: each once, by its latest receipt. */
export function together(before: readonly Received[], now: readonly Received[]): Received[] {
  return [...new Map([...before, ...now].map((m) => [m.id, m])).values()];
}

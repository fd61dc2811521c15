import { CreateDomainCommand, PutIntegrationCommand, UpdateDomainCommand } from "@aws-sdk/client-customer-profiles";
import { explain } from "../../api/errors";
import { profile } from "../../api/profile";
import { readRefusal } from "../../resources/policy";

/** What the user has chosen. Undefined of an existing domain's queue or key: it stays as it is. */
export interface Choice {
  domain: { kind: "new"; name: string; days: number } | { kind: "existing"; name: string };
  /** URL; empty: none. */
  queue: string | undefined;
  /** ARN. */
  key: string | undefined;
}

/** What is done, in this order. */
export type StepId = "queue" | "key" | "create" | "update" | "connect";
export type StepState = "pending" | "running" | "done" | "failed";

export interface Step {
  id: StepId;
  state: StepState;
}

/** The calls that enabling takes. */
export interface Calls {
  create: (name: string, days: number, queue: string | undefined, key: string | undefined) => Promise<unknown>;
  update: (name: string, queue: string | undefined, key: string | undefined) => Promise<unknown>;
  connect: (name: string, instanceArn: string) => Promise<unknown>;
}

/** The calls of the API. */
export const api: Calls = {
  create: (name, days, queue, key) =>
    profile().send(
      new CreateDomainCommand({ DomainName: name, DefaultExpirationDays: days, ...(queue && { DeadLetterQueueUrl: queue }), ...(key && { DefaultEncryptionKey: key }) }),
    ),
  update: (name, queue, key) =>
    profile().send(
      new UpdateDomainCommand({ DomainName: name, ...(queue !== undefined && { DeadLetterQueueUrl: queue }), ...(key !== undefined && { DefaultEncryptionKey: key }) }),
    ),
  connect: (name, instanceArn) => profile().send(new PutIntegrationCommand({ DomainName: name, Uri: instanceArn, ObjectTypeName: "CTR" })),
};

/** The steps that a choice takes, none of them begun. */
export function plan({ domain, queue, key }: Choice): Step[] {
  const ids: StepId[] = [];
  if (queue) ids.push("queue");
  if (key) ids.push("key");
  if (domain.kind === "new") ids.push("create");
  else if (queue !== undefined || key !== undefined) ids.push("update");
  ids.push("connect");
  return ids.map((id) => ({ id, state: "pending" }));
}

/**
 * Enables customer profiles for an instance: creates or changes the domain, whose
 * queue and key the server checks first, in this order, and connects the instance.
 * It reports every change of the steps. What was done before (steps of an earlier try
 * of the same choice) is not done again.
 */
export async function enable(choice: Choice, instanceArn: string, calls: Calls, report: (steps: readonly Step[]) => void, before?: readonly Step[]): Promise<void> {
  const steps = plan(choice).map((s): Step => (before?.find((b) => b.id === s.id)?.state === "done" ? { ...s, state: "done" } : s));
  const set = (state: StepState, ...ids: readonly StepId[]): void => {
    for (const s of steps) if (ids.includes(s.id)) s.state = state;
    report(steps.map((s) => ({ ...s })));
  };
  const has = (id: StepId): boolean => steps.some((s) => s.id === id && s.state !== "done");
  const { domain, queue, key } = choice;

  const write = steps.find((s) => s.id === "create" || s.id === "update");
  if (write && write.state !== "done") {
    // One call, within which the server checks the queue, then the key, then writes.
    const order = (["queue", "key", write.id] as const).filter((id) => steps.some((s) => s.id === id));
    for (const s of steps) s.state = "pending";
    set("running", order[0] ?? write.id);
    try {
      await (domain.kind === "new" ? calls.create(domain.name, domain.days, queue, key) : calls.update(domain.name, queue, key));
    } catch (e) {
      const blamed = blame(e);
      const at = order.find((id) => id === blamed) ?? write.id;
      set("pending", ...order);
      set("done", ...order.slice(0, order.indexOf(at)));
      set("failed", at);
      throw e;
    }
    set("done", ...order);
  }
  if (!has("connect")) return;
  set("running", "connect");
  try {
    await calls.connect(domain.name, instanceArn);
  } catch (e) {
    set("failed", "connect");
    throw e;
  }
  set("done", "connect");
}

/** Which check an error of CreateDomain or UpdateDomain is of. */
function blame(e: unknown): "queue" | "key" | "create" | "update" {
  const { message, action } = explain(e);
  const refusal = readRefusal(message);
  if (refusal) return refusal.on;
  if (message.startsWith("DeadLetterQueueUrl") || action?.startsWith("sqs:")) return "queue";
  if (/\bKMS key\b/.test(message) || action?.startsWith("kms:")) return "key";
  return "create";
}

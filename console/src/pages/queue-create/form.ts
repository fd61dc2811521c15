import { domainArn, domainNamePattern } from "../../resources/domains";
import { type Statement, addStatement, serviceStatement } from "../../resources/policy";
import { queueArn, queueNamePattern } from "../../resources/queues";

/** Where the queue is to be. */
export interface Place {
  region: string;
  accountId: string;
}

/** Who may do something with the queue, in a basic policy: its owner, or those on the lines too. */
export interface Access {
  who: "owner" | "others";
  lines: string;
}

/** What is entered of a queue. */
export interface QueueForm {
  name: string;
  /** Days. */
  retention: string;
  /** Seconds. */
  visibility: string;
  kind: "basic" | "advanced";
  senders: Access;
  receivers: Access;
  policy: string;
  /** The domain that the statement for Customer Profiles is for. */
  domain: string;
}

const principal = /^(\d{12}|arn:aws[\w-]*:(iam::\d{12}:(root|(user|role)\/[\w+=,.@/-]+)|sts::\d{12}:assumed-role\/[\w+=,.@/-]+))$/;

const lines = (text: string): string[] =>
  text
    .split("\n")
    .map((l) => l.trim())
    .filter(Boolean);

/** What is wrong with a list of principals: the first line that names none, "" if there is no line, undefined if nothing is. */
export function wrongPrincipal({ who, lines: text }: Access): string | undefined {
  if (who === "owner") return undefined;
  const all = lines(text);
  return all.length === 0 ? "" : all.find((l) => !principal.test(l));
}

const whole = (text: string, min: number, max: number): boolean => /^\d{1,5}$/.test(text) && Number(text) >= min && Number(text) <= max;

/** A policy that is a JSON object, or none at all. */
function isPolicy(text: string): boolean {
  if (text.trim() === "") return true;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** The fields that are missing or break a rule. */
export function faults(f: QueueForm): Set<"name" | "retention" | "visibility" | "senders" | "receivers" | "policy"> {
  const found = new Set<"name" | "retention" | "visibility" | "senders" | "receivers" | "policy">();
  if (!queueNamePattern.test(f.name)) found.add("name");
  if (!whole(f.retention, 1, 14)) found.add("retention");
  if (!whole(f.visibility, 0, 43200)) found.add("visibility");
  if (f.kind === "basic") {
    if (wrongPrincipal(f.senders) !== undefined) found.add("senders");
    if (wrongPrincipal(f.receivers) !== undefined) found.add("receivers");
  } else if (!isPolicy(f.policy)) found.add("policy");
  return found;
}

/** A basic policy, as the console of AWS writes it; empty when only the owner may do anything, by its own policies. */
export function basicPolicy(f: QueueForm, { region, accountId }: Place): string {
  const statement = (sid: string, { who, lines: text }: Access, actions: string[]): Statement[] =>
    who === "owner"
      ? []
      : [{ Sid: sid, Effect: "Allow", Principal: { AWS: lines(text).map((l) => (/^\d+$/.test(l) ? `arn:aws:iam::${l}:root` : l)) }, Action: actions, Resource: queueArn(region, accountId, f.name) }];
  const all = [
    ...statement("__sender_statement", f.senders, ["sqs:SendMessage"]),
    ...statement("__receiver_statement", f.receivers, ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]),
  ];
  return all.length === 0 ? "" : JSON.stringify({ Version: "2012-10-17", Statement: all }, null, 2);
}

/** A policy with the statement that lets Customer Profiles send for the domain, or null if that cannot be written: no name yet, or what is there cannot be read. */
export function withProfiles(f: QueueForm, place: Place): string | null {
  if (!queueNamePattern.test(f.name) || !domainNamePattern.test(f.domain)) return null;
  const { region, accountId } = place;
  const base = f.kind === "basic" ? basicPolicy(f, place) : f.policy;
  const statement = serviceStatement(["sqs:SendMessage"], queueArn(region, accountId, f.name), domainArn(region, accountId, f.domain), accountId);
  try {
    return addStatement(base, statement);
  } catch {
    return null;
  }
}

/** Another name for the queue, which the policy's resources follow as long as they name the queue by its ARN. */
export function renamed(f: QueueForm, name: string, { region, accountId }: Place): QueueForm {
  const from = JSON.stringify(queueArn(region, accountId, f.name));
  return { ...f, name, policy: f.policy.replaceAll(from, JSON.stringify(queueArn(region, accountId, name))) };
}

/** The attributes to create a queue with. */
export function attributes(f: QueueForm, place: Place): Record<string, string> {
  const policy = f.kind === "basic" ? basicPolicy(f, place) : f.policy.trim();
  return { MessageRetentionPeriod: String(Number(f.retention) * 86_400), VisibilityTimeout: f.visibility, ...(policy && { Policy: policy }) };
}

/** A statement of a policy; what the console does not look at is kept as it is. */
export interface Statement {
  Sid?: string;
  Effect: "Allow" | "Deny";
  Principal?: unknown;
  Action?: string | readonly string[];
  Resource?: string | readonly string[];
  Condition?: unknown;
}

/** A policy that is no JSON object with statements. */
export class NotAPolicy extends Error {
  constructor() {
    super("The policy that is there cannot be read");
    this.name = "NotAPolicy";
  }
}

/** Who speaks for Customer Profiles. */
export const profilesPrincipal = "profile.amazonaws.com";

/** What Customer Profiles does with a key. */
export const keyServiceActions = ["kms:GenerateDataKey", "kms:Decrypt", "kms:CreateGrant", "kms:DescribeKey", "kms:Encrypt"] as const;

/**
 * The statement by which a queue or key serves Customer Profiles for one domain of
 * one account, and not whoever might make the service ask for another (the
 * confused deputy).
 */
export function serviceStatement(actions: readonly string[], resource: string, sourceArn: string, account: string): Statement {
  return {
    Sid: "AllowCustomerProfiles",
    Effect: "Allow",
    Principal: { Service: profilesPrincipal },
    Action: actions,
    Resource: resource,
    Condition: { ArnEquals: { "aws:SourceArn": sourceArn }, StringEquals: { "aws:SourceAccount": account } },
  };
}

/**
 * A policy with a statement added to it; an empty policy is made. A statement that is
 * there already is not added again, and one whose Sid is taken gets another.
 */
export function addStatement(policy: string | undefined, statement: Statement): string {
  const { Statement: given = [], ...rest } = read(policy);
  const statements: Statement[] = Array.isArray(given) ? [...given] : [given];
  if (!statements.some((s) => same(s, statement))) {
    const taken = new Set(statements.map((s) => s.Sid));
    let sid = statement.Sid;
    for (let n = 2; sid !== undefined && taken.has(sid); n++) sid = `${statement.Sid}${n}`;
    statements.push(sid === undefined ? statement : { ...statement, Sid: sid });
  }
  return JSON.stringify({ ...rest, Statement: statements }, null, 2);
}

function read(policy: string | undefined): { Version?: string; Statement?: Statement | Statement[] } {
  if (!policy?.trim()) return { Version: "2012-10-17" };
  let value: unknown;
  try {
    value = JSON.parse(policy);
  } catch {
    throw new NotAPolicy();
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new NotAPolicy();
  return value;
}

/** Reports whether two statements say the same, whatever their names and the order of their members. */
function same(a: Statement, b: Statement): boolean {
  return canonical({ ...a, Sid: undefined }) === canonical({ ...b, Sid: undefined });
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) =>
    typeof v === "object" && v !== null && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort(([x], [y]) => (x < y ? -1 : 1))) : v,
  );
}

/** What a refusal says is to be added, and to what. */
export interface Refusal {
  on: "queue" | "key";
  /** The ARN of the queue or key. */
  arn: string;
  /** Why it was refused, without the statement. */
  why: string;
  statement: Statement;
}

/**
 * Takes apart a refusal of a queue or key, whose text ends with the statement that its
 * policy lacks. Other texts are none: null.
 */
export function readRefusal(message: string): Refusal | null {
  const found = /^([\s\S]*?)\.?\s*(?:Either call with|Add this statement)[\s\S]*?:\s*(\{[\s\S]*\})\s*$/.exec(message);
  if (!found?.[1] || !found[2]) return null;
  let statement: Statement;
  try {
    statement = JSON.parse(found[2]) as Statement;
  } catch {
    return null;
  }
  const action = typeof statement.Action === "string" ? statement.Action : (statement.Action?.[0] ?? "");
  if (action.startsWith("sqs:") && typeof statement.Resource === "string") return { on: "queue", arn: statement.Resource, why: found[1], statement };
  const key = /arn:[\w-]+:kms:\S+?(?=[.\s]|$)/.exec(found[1])?.[0];
  return action.startsWith("kms:") && key ? { on: "key", arn: key, why: found[1], statement } : null;
}

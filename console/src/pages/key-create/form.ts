import { domainArn, domainNamePattern } from "../../resources/domains";
import { aliasPattern } from "../../resources/keys";
import { type Statement, keyServiceActions, serviceStatement } from "../../resources/policy";

/** What is entered of a key. */
export interface KeyForm {
  alias: string;
  description: string;
  tags: readonly { key: string; value: string }[];
  /** ARNs. */
  administrators: readonly string[];
  deletion: boolean;
  users: readonly string[];
  /** The domain that Customer Profiles may use the key for by the key policy; empty: none. */
  domain: string;
  /** The policy as the user has written it; undefined: as it follows from the rest. */
  policy: string | undefined;
}

/** The fields that break a rule. */
export function faults(f: KeyForm): Set<"alias" | "tags" | "policy"> {
  const found = new Set<"alias" | "tags" | "policy">();
  if (!aliasPattern.test(f.alias)) found.add("alias");
  if (f.tags.some((_, i) => wrongTag(f.tags, i))) found.add("tags");
  if (f.policy !== undefined && !isObject(f.policy)) found.add("policy");
  return found;
}

/** What is wrong with a tag: its key (missing, too long, reserved, there twice) or its value. */
export function wrongTag(tags: KeyForm["tags"], index: number): "key" | "value" | undefined {
  const { key = "", value = "" } = tags[index] ?? {};
  if (key === "" || key.length > 128 || /^aws:/i.test(key) || tags.some((t, i) => i !== index && t.key === key)) return "key";
  return value.length > 256 ? "value" : undefined;
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

// What the console of AWS writes for administrators and users of a key.
const administer = [
  "kms:Create*",
  "kms:Describe*",
  "kms:Enable*",
  "kms:List*",
  "kms:Put*",
  "kms:Update*",
  "kms:Revoke*",
  "kms:Disable*",
  "kms:Get*",
  "kms:Delete*",
  "kms:TagResource",
  "kms:UntagResource",
];
const remove = ["kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"];
const use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"];

/** The key policy that follows from what was entered. */
export function keyPolicy(f: KeyForm, { region, accountId }: { region: string; accountId: string }): string {
  const allow = (sid: string, principal: unknown, action: string | readonly string[], condition?: unknown): Statement => ({
    Sid: sid,
    Effect: "Allow",
    Principal: principal,
    Action: action,
    Resource: "*",
    ...(condition !== undefined && { Condition: condition }),
  });
  const statements = [allow("Enable IAM User Permissions", { AWS: `arn:aws:iam::${accountId}:root` }, "kms:*")];
  if (f.administrators.length > 0) {
    statements.push(allow("Allow access for Key Administrators", { AWS: f.administrators }, [...administer, ...(f.deletion ? remove : []), "kms:RotateKeyOnDemand"]));
  }
  if (f.users.length > 0) {
    statements.push(
      allow("Allow use of the key", { AWS: f.users }, use),
      allow("Allow attachment of persistent resources", { AWS: f.users }, ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"], {
        Bool: { "kms:GrantIsForAWSResource": "true" },
      }),
    );
  }
  if (domainNamePattern.test(f.domain)) statements.push(serviceStatement(keyServiceActions, "*", domainArn(region, accountId, f.domain), accountId));
  return JSON.stringify({ Version: "2012-10-17", Id: "key-consolepolicy-3", Statement: statements }, null, 2);
}

import type { GrantListEntry, GrantOperation } from "@aws-sdk/client-kms";
import { profilesPrincipal } from "../../resources/policy";

/** The operations that a grant on a key of this server can give. */
export const grantable: readonly GrantOperation[] = [
  "Encrypt",
  "Decrypt",
  "GenerateDataKey",
  "GenerateDataKeyWithoutPlaintext",
  "ReEncryptFrom",
  "ReEncryptTo",
  "CreateGrant",
  "RetireGrant",
  "DescribeKey",
];

/** The API's rule for the name of a grant. */
export const grantNamePattern = /^[a-zA-Z0-9:/_-]{0,256}$/;

/** The API takes principals by their ARNs, and services by their names. */
export const granteePattern = /^(arn:aws[\w-]*:(iam|sts)::\d{12}:\S+|[\w.-]+\.amazonaws\.com)$/;

/** Who has a grant: the service of customer profiles, another service, or a principal by its name. */
export function granteeOf(g: GrantListEntry): { kind: "profiles" } | { kind: "other"; name: string } {
  const who = g.GranteePrincipal ?? g.GranteeServicePrincipal ?? "";
  if (who === profilesPrincipal) return { kind: "profiles" };
  return { kind: "other", name: /^arn:[^:]*:[^:]*:[^:]*:\d*:[\w-]+\/(.+)$/.exec(who)?.[1] ?? who };
}

/** What a grant is only for: the domain whose ARN it names, and pairs of the encryption context. */
export function constraintsOf(g: GrantListEntry): { domain: string | undefined; source: string | undefined; pairs: string[] } {
  const { SourceArn, EncryptionContextEquals = {}, EncryptionContextSubset = {} } = g.Constraints ?? {};
  const domain = /:domains\/([\w-]+)$/.exec(SourceArn ?? "")?.[1];
  return {
    domain,
    source: domain === undefined ? SourceArn : undefined,
    pairs: Object.entries({ ...EncryptionContextSubset, ...EncryptionContextEquals }).map(([k, v]) => `${k} = ${v}`),
  };
}

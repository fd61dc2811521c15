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

// The pair of the encryption context that binds data keys to their domain.
const domainIdPair = "aws:profile:domain-id";

/** What a grant is only for. */
export interface Constraints {
  /** The name of a domain, or null where it is one that is not known. */
  domain?: string | null;
  source?: string;
  /** Other pairs of the encryption context. */
  pairs: string[];
}

/** What a grant is only for: a domain, by its ARN or its id, and pairs of the encryption context. names are domains by their ids. */
export function constraintsOf(g: GrantListEntry, names: ReadonlyMap<string, string>): Constraints {
  const { SourceArn, EncryptionContextEquals = {}, EncryptionContextSubset = {} } = g.Constraints ?? {};
  const { [domainIdPair]: id, ...pairs } = { ...EncryptionContextSubset, ...EncryptionContextEquals };
  const byArn = /:domains\/([\w-]+)$/.exec(SourceArn ?? "")?.[1];
  const domain = byArn ?? (id === undefined ? undefined : (names.get(id) ?? null));
  return {
    ...(domain !== undefined && { domain }),
    ...(SourceArn !== undefined && byArn === undefined && { source: SourceArn }),
    pairs: Object.entries(pairs).map(([k, v]) => `${k} = ${v}`),
  };
}

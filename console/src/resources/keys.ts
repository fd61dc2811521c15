import {
  type AliasListEntry,
  DescribeKeyCommand,
  GetKeyPolicyCommand,
  GetKeyRotationStatusCommand,
  type GetKeyRotationStatusCommandOutput,
  type GrantListEntry,
  type KeyMetadata,
  ListAliasesCommand,
  ListGrantsCommand,
  ListKeyRotationsCommand,
  ListKeysCommand,
  type RotationsListEntry,
} from "@aws-sdk/client-kms";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { explain } from "../api/errors";
import { kms } from "../api/kms";
import { type Pages, usePages } from "../api/pages";

/** Under what everything of keys is cached. */
export const keysKey = ["kms", "keys"] as const;

/** A KMS key in a list. */
export interface KeyEntry {
  id: string;
  arn: string;
}

/** The keys, page by page. */
export function useKeys(): Pages<KeyEntry> {
  return usePages([...keysKey, "list"], async (token, signal) => {
    const out = await kms().send(new ListKeysCommand({ Limit: 1000, ...(token && { Marker: token }) }), { abortSignal: signal });
    return { items: (out.Keys ?? []).map((k) => ({ id: k.KeyId ?? "", arn: k.KeyArn ?? "" })), next: out.Truncated ? out.NextMarker : undefined };
  });
}

/** The aliases of all keys, without "alias/" before them, by key id. */
export function useAliases(): UseQueryResult<ReadonlyMap<string, readonly string[]>> {
  return useQuery({
    queryKey: [...keysKey, "aliases"],
    queryFn: async ({ signal }) => {
      const aliases = new Map<string, string[]>();
      let token: string | undefined;
      do {
        const out = await kms().send(new ListAliasesCommand({ Limit: 100, ...(token && { Marker: token }) }), { abortSignal: signal });
        for (const { AliasName, TargetKeyId } of out.Aliases ?? []) {
          if (AliasName && TargetKeyId) aliases.set(TargetKeyId, [...(aliases.get(TargetKeyId) ?? []), AliasName.replace(/^alias\//, "")]);
        }
        token = out.Truncated ? out.NextMarker : undefined;
      } while (token);
      return aliases;
    },
  });
}

/** What the key service says of a key. */
export function useKey(id: string | undefined): UseQueryResult<KeyMetadata> {
  return useQuery({
    queryKey: [...keysKey, "one", id],
    queryFn: async ({ signal }) => {
      const { KeyMetadata } = await kms().send(new DescribeKeyCommand({ KeyId: id }), { abortSignal: signal });
      if (!KeyMetadata) throw new Error("DescribeKey answered without a key");
      return KeyMetadata;
    },
    enabled: id !== undefined && id !== "",
  });
}

/** The id in a key's ARN; anything else as it is. */
export const keyIdOf = (key: string): string => /^arn:[^:]+:kms:[^:]*:\d*:key\/(.+)$/.exec(key)?.[1] ?? key;

/** The rule for an alias of one's own, without "alias/" before it. */
export const aliasPattern = /^(?!aws\/)[a-zA-Z0-9/_-]{1,250}$/;

/** What the API takes for a key of a domain: an ARN of a key or alias. */
export const keyArnPattern = /^arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:(key\/[\w-]+|alias\/[\w:/-]+)$/;

/** A key in a list with what is known of it: nothing more where the user may not see it. */
export interface KeyRow extends KeyEntry {
  metadata?: KeyMetadata | undefined;
}

/** The keys with what is known of each, page by page. */
export function useKeyRows(): Pages<KeyRow> {
  return usePages([...keysKey, "rows"], async (token, signal) => {
    // One call for each key, so pages are small.
    const out = await kms().send(new ListKeysCommand({ Limit: 25, ...(token && { Marker: token }) }), { abortSignal: signal });
    const rows = await Promise.all((out.Keys ?? []).map(({ KeyId = "", KeyArn = "" }) => row({ id: KeyId, arn: KeyArn }, signal)));
    return { items: rows.filter((r) => r !== undefined), next: out.Truncated ? out.NextMarker : undefined };
  });
}

async function row(key: KeyEntry, signal: AbortSignal): Promise<KeyRow | undefined> {
  try {
    const { KeyMetadata } = await kms().send(new DescribeKeyCommand({ KeyId: key.id }), { abortSignal: signal });
    return { ...key, metadata: KeyMetadata };
  } catch (e) {
    const { kind } = explain(e);
    if (kind === "notFound") return undefined; // destroyed since the list
    if (kind === "denied") return key;
    throw e;
  }
}

/** The policy of a key. */
export function useKeyPolicy(id: string): UseQueryResult<string> {
  return useQuery({
    queryKey: [...keysKey, "policy", id],
    queryFn: async ({ signal }) => {
      const { Policy = "" } = await kms().send(new GetKeyPolicyCommand({ KeyId: id, PolicyName: "default" }), { abortSignal: signal });
      return Policy;
    },
  });
}

/** The aliases of a key, page by page; none while the key is not known. */
export function useAliasesOf(id: string | undefined): Pages<AliasListEntry> {
  return usePages(
    [...keysKey, "aliases-of", id],
    async (token, signal) => {
      const out = await kms().send(new ListAliasesCommand({ KeyId: id, Limit: 100, ...(token && { Marker: token }) }), { abortSignal: signal });
      return { items: out.Aliases ?? [], next: out.Truncated ? out.NextMarker : undefined };
    },
    { enabled: id !== undefined },
  );
}

/** The grants on a key, page by page. */
export function useGrants(id: string): Pages<GrantListEntry> {
  return usePages([...keysKey, "grants", id], async (token, signal) => {
    const out = await kms().send(new ListGrantsCommand({ KeyId: id, Limit: 100, ...(token && { Marker: token }) }), { abortSignal: signal });
    return { items: out.Grants ?? [], next: out.Truncated ? out.NextMarker : undefined };
  });
}

/** Whether and when a key is given new material by itself. */
export function useRotation(id: string): UseQueryResult<GetKeyRotationStatusCommandOutput> {
  return useQuery({
    queryKey: [...keysKey, "rotation", id],
    queryFn: ({ signal }) => kms().send(new GetKeyRotationStatusCommand({ KeyId: id }), { abortSignal: signal }),
  });
}

/** The rotations of a key so far, the oldest first, page by page. */
export function useRotations(id: string): Pages<RotationsListEntry> {
  return usePages([...keysKey, "rotations", id], async (token, signal) => {
    const out = await kms().send(new ListKeyRotationsCommand({ KeyId: id, Limit: 100, ...(token && { Marker: token }) }), { abortSignal: signal });
    return { items: out.Rotations ?? [], next: out.Truncated ? out.NextMarker : undefined };
  });
}

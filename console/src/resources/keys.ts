import { DescribeKeyCommand, type KeyMetadata, ListAliasesCommand, ListKeysCommand } from "@aws-sdk/client-kms";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
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

/** What the API takes for a key of a domain: an ARN of a key or alias. */
export const keyArnPattern = /^arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:(key\/[\w-]+|alias\/[\w:/-]+)$/;

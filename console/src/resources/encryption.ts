import { GetDomainCommand, ListDomainsCommand } from "@aws-sdk/client-customer-profiles";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { kindred } from "../api/kindred";
import type { EncryptionKeys, GetDomainEncryptionResponse } from "../api/kindred.types";
import { type Pages, usePages } from "../api/pages";
import { profile } from "../api/profile";
import { domainsKey } from "./domains";
import { keyIdOf } from "./keys";

/** Under which keys the values of a domain are, and the states of those. */
export function useEncryption(domain: string): UseQueryResult<GetDomainEncryptionResponse> {
  return useQuery({
    queryKey: [...domainsKey, "encryption", domain],
    queryFn: ({ signal }) => kindred().call("GetDomainEncryption", { DomainName: domain }, { signal }),
  });
}

/** Whose values are under a KMS key: a domain's, or those of one of its object types. */
export interface KeyUse {
  domain: string;
  /** Absent: of the domain. */
  objectType?: string | undefined;
  keys: EncryptionKeys;
}

// The domains whose settings are read for one page; there is no operation that
// answers who uses a key or a queue.
const domainsPerPage = 20;

/** The names of the domains, a page of them. */
async function domainNames(token: string | undefined, signal: AbortSignal): Promise<{ names: string[]; next: string | undefined }> {
  const out = await profile().send(new ListDomainsCommand({ MaxResults: domainsPerPage, ...(token && { NextToken: token }) }), { abortSignal: signal });
  return { names: (out.Items ?? []).flatMap((d) => d.DomainName ?? []), next: out.NextToken };
}

/**
 * What is under a KMS key, page by page of the domains. names are what a domain may
 * call the key: its id, and the ARNs of its aliases.
 */
export function useKeyUses(names: readonly string[]): Pages<KeyUse> {
  return usePages([...domainsKey, "uses-of-key", ...names], async (token, signal) => {
    const { names: domains, next } = await domainNames(token, signal);
    const all = await Promise.all(domains.map((DomainName) => kindred().call("GetDomainEncryption", { DomainName }, { signal })));
    return { items: all.flatMap((e) => usesOf(e, names)), next };
  });
}

/** What of a domain is under a key: values that were sealed under it before, and are not under another yet, count too. */
export function usesOf({ DomainName, Domain, ObjectTypes }: GetDomainEncryptionResponse, names: readonly string[]): KeyUse[] {
  const under = (k: EncryptionKeys): boolean => [k.KmsKeyId, ...k.DataKeys.map((d) => d.KmsKeyId)].some((id) => id !== undefined && names.includes(keyIdOf(id)));
  return [
    ...(under(Domain) ? [{ domain: DomainName, keys: Domain }] : []),
    ...ObjectTypes.filter(under).map((keys) => ({ domain: DomainName, objectType: keys.ObjectTypeName, keys })),
  ];
}

/** The domains whose dead letters go to a queue, page by page of the domains. */
export function useQueueUses(url: string | undefined): Pages<string> {
  return usePages(
    [...domainsKey, "uses-of-queue", url],
    async (token, signal) => {
      const { names, next } = await domainNames(token, signal);
      const all = await Promise.all(names.map((DomainName) => profile().send(new GetDomainCommand({ DomainName }), { abortSignal: signal })));
      return { items: all.filter((d) => d.DeadLetterQueueUrl === url).flatMap((d) => d.DomainName ?? []), next };
    },
    { enabled: url !== undefined },
  );
}

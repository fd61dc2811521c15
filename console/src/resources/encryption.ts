import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { kindred } from "../api/kindred";
import type { GetDomainEncryptionResponse, KeyUse } from "../api/kindred.types";
import { domainsKey } from "./domains";

/** Under which keys the values of a domain are, and the states of those. */
export function useEncryption(domain: string): UseQueryResult<GetDomainEncryptionResponse> {
  return useQuery({
    queryKey: [...domainsKey, "encryption", domain],
    queryFn: ({ signal }) => kindred().call("GetDomainEncryption", { DomainName: domain }, { signal }),
  });
}

/** The domains and object types that have values under a KMS key, by the names of the domains. */
export function useKeyUses(arn: string): UseQueryResult<KeyUse[]> {
  return useQuery({
    queryKey: [...domainsKey, "uses-of-key", arn],
    queryFn: async ({ signal }) => (await kindred().call("GetKeyUsage", { KeyArn: arn }, { signal })).Uses,
  });
}

/** The domains whose dead letters go to a queue, by name. */
export function useQueueUses(url: string): UseQueryResult<string[]> {
  return useQuery({
    queryKey: [...domainsKey, "uses-of-queue", url],
    queryFn: async ({ signal }) => (await kindred().call("GetQueueUsage", { QueueUrl: url }, { signal })).DomainNames,
  });
}

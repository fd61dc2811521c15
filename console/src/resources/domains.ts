import {
  GetDomainCommand,
  type GetDomainCommandOutput,
  ListAccountIntegrationsCommand,
  type ListDomainItem,
  ListDomainsCommand,
  type ListIntegrationItem,
  ListIntegrationsCommand,
} from "@aws-sdk/client-customer-profiles";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { type Pages, usePages } from "../api/pages";
import { profile } from "../api/profile";

/** Under what everything of domains is cached. */
export const domainsKey = ["profile", "domains"] as const;

/** The API's rule for a domain's name. */
export const domainNamePattern = /^[a-zA-Z0-9_-]{1,64}$/;

/** The domains by name, page by page. */
export function useDomains(): Pages<ListDomainItem> {
  return usePages([...domainsKey, "list"], async (token, signal) => {
    const out = await profile().send(new ListDomainsCommand({ MaxResults: 100, ...(token && { NextToken: token }) }), { abortSignal: signal });
    return { items: out.Items ?? [], next: out.NextToken };
  });
}

/** A domain with its totals; none for an empty name. */
export function useDomain(name: string | undefined): UseQueryResult<GetDomainCommandOutput> {
  return useQuery({
    queryKey: [...domainsKey, "one", name],
    queryFn: ({ signal }) => profile().send(new GetDomainCommand({ DomainName: name }), { abortSignal: signal }),
    enabled: name !== undefined && name !== "",
  });
}

/** What feeds a domain, page by page. */
export function useIntegrations(domain: string): Pages<ListIntegrationItem> {
  return usePages([...domainsKey, "integrations", domain], async (token, signal) => {
    const out = await profile().send(new ListIntegrationsCommand({ DomainName: domain, ...(token && { NextToken: token }) }), { abortSignal: signal });
    return { items: out.Items ?? [], next: out.NextToken };
  });
}

/** The domain that an instance's contacts go to, by the instance's ARN; null if customer profiles are not enabled for it. */
export function useConnection(arn: string | undefined): UseQueryResult<ListIntegrationItem | null> {
  return useQuery({
    queryKey: [...domainsKey, "connection", arn],
    queryFn: async ({ signal }) => {
      const out = await profile().send(new ListAccountIntegrationsCommand({ Uri: arn }), { abortSignal: signal });
      return out.Items?.[0] ?? null;
    },
    enabled: arn !== undefined,
  });
}

/** The ARN of a domain. */
export const domainArn = (region: string, account: string, name: string): string => `arn:aws:profile:${region}:${account}:domains/${name}`;

import { BatchGetProfileCommand } from "@aws-sdk/client-customer-profiles";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { profile } from "../api/profile";

/** What of a profile people know it by; of the service's and of Kindred's shapes. */
interface Known {
  FirstName?: string | undefined;
  MiddleName?: string | undefined;
  LastName?: string | undefined;
  BusinessName?: string | undefined;
  EmailAddress?: string | undefined;
  PersonalEmailAddress?: string | undefined;
  PhoneNumber?: string | undefined;
  MobilePhoneNumber?: string | undefined;
  AccountNumber?: string | undefined;
}

/** By what people know a profile: a name, or else an address or number; undefined if it has none. */
export function profileName(p: Known): string | undefined {
  const name = [p.FirstName, p.MiddleName, p.LastName].filter(Boolean).join(" ");
  return name || p.BusinessName || p.EmailAddress || p.PersonalEmailAddress || p.PhoneNumber || p.MobilePhoneNumber || p.AccountNumber || undefined;
}

/** Profiles of one call of BatchGetProfile. */
const most = 20;

/** The names of profiles, by their ids; of those that have one and that the user may read. */
export function useProfileNames(domain: string, ids: readonly string[]): UseQueryResult<ReadonlyMap<string, string>> {
  const wanted = [...new Set(ids)].sort().slice(0, most);
  return useQuery({
    queryKey: ["profile", "names", domain, ...wanted],
    enabled: wanted.length > 0,
    staleTime: 30_000,
    queryFn: async ({ signal }) => {
      const out = await profile().send(new BatchGetProfileCommand({ DomainName: domain, ProfileIds: wanted }), { abortSignal: signal });
      const names = new Map<string, string>();
      for (const p of out.Profiles ?? []) {
        const name = profileName(p);
        if (p.ProfileId && name) names.set(p.ProfileId, name);
      }
      return names;
    },
  });
}

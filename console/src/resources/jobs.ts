import { kindred } from "../api/kindred";
import type { Job } from "../api/kindred.types";
import { type Pages, usePages } from "../api/pages";

/** Under what the jobs of a domain are cached. */
export const jobsKey = (domain: string) => ["kindred", "jobs", domain] as const;

/** The long work of a domain, the newest first. */
export function useJobs(domain: string): Pages<Job> {
  return usePages([...jobsKey(domain)], async (token, signal) => {
    const out = await kindred().call("ListJobs", { DomainName: domain, MaxResults: 50, ...(token && { NextToken: token }) }, { signal });
    return { items: out.Items, next: out.NextToken };
  });
}

import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { kindred } from "../api/kindred";
import type { DomainActivity } from "../api/kindred.types";
import { domainsKey } from "./domains";

/** How finely, and so how far back, activity is looked at: 24 hours, 7 days in hours, or 90 days. */
export type Span = "day" | "week" | "quarter";

const questions = { day: { Granularity: "HOUR", Buckets: 24 }, week: { Granularity: "HOUR", Buckets: 168 }, quarter: { Granularity: "DAY", Buckets: 90 } } as const;

const anewEvery = 10_000; // milliseconds: nodes write their counters every five seconds

/** What has happened in a domain, the oldest first. */
export function useActivity(domain: string, span: Span): UseQueryResult<DomainActivity> {
  return useQuery({
    queryKey: [...domainsKey, "activity", domain, span],
    queryFn: ({ signal }) => kindred().call("GetDomainActivity", { DomainName: domain, ...questions[span] }, { signal }),
    refetchInterval: anewEvery,
  });
}

import { type QueryClient, type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import { kindred } from "../api/kindred";
import type { DeadLetter, ListDeadLettersResponse } from "../api/kindred.types";
import { type ListPage, type Pages, usePages } from "../api/pages";
import { domainsKey } from "./domains";
import { queuesKey } from "./queues";

/** Under what everything of dead letters is cached. */
export const deadLettersKey = ["kindred", "dead-letters"] as const;

/** Which letters are meant: all, or those of one object type with one error. */
export interface LetterFilter {
  objectType?: string | undefined;
  message?: string | undefined;
}

/** What a look into the queue found beside the letters. */
export type Finding = Omit<ListDeadLettersResponse, "Items" | "NextToken">;

/** A page of letters, and what was found. */
interface LetterPage extends ListPage<DeadLetter> {
  finding: Finding;
}

/**
 * The dead letters of a domain, the oldest first, and what the latest look found. Each
 * page is a look into the queue, which counts as a receive of each message, so it is
 * taken only when it is wanted.
 */
export function useDeadLetters(domain: string, { objectType, message }: LetterFilter): Pages<DeadLetter> & { finding: Finding | undefined } {
  const list = usePages<LetterPage>(
    [...deadLettersKey, domain, "list", objectType ?? null, message ?? null],
    async (token, signal) => {
      const { Items, NextToken, ...finding } = await kindred().call(
        "ListDeadLetters",
        {
          DomainName: domain,
          MaxResults: 100,
          ...(objectType && { ObjectTypeName: objectType }),
          ...(message && { Message: message }),
          ...(token && { NextToken: token }),
        },
        { signal },
      );
      return { items: Items, next: NextToken, finding };
    },
    { calm: true },
  );
  return { ...list, finding: list.pages.at(-1)?.finding };
}

/** One letter; null if it is not there (any more, or while somebody else holds it). */
export function useDeadLetter(domain: string, id: string): UseQueryResult<DeadLetter | null> {
  const queries = useQueryClient();
  return useQuery({
    queryKey: [...deadLettersKey, domain, "one", id],
    queryFn: async ({ signal }) => {
      const { Items } = await kindred().call("ListDeadLetters", { DomainName: domain, Ids: [id], MaxResults: 1 }, { signal });
      return Items[0] ?? null;
    },
    // A letter never changes, and where it comes from a list no look is needed.
    initialData: () => listed(queries, domain, id),
    staleTime: Infinity,
  });
}

function listed(queries: QueryClient, domain: string, id: string): DeadLetter | undefined {
  for (const [, data] of queries.getQueriesData<{ pages: LetterPage[] }>({ queryKey: [...deadLettersKey, domain, "list"] })) {
    const found = data?.pages.flatMap((p) => p.items).find((l) => l.Id === id);
    if (found) return found;
  }
  return undefined;
}

/** Reads anew what a change of letters changes: lists, totals of the domain, counts of the queue. */
export async function lettersChanged(queries: QueryClient): Promise<void> {
  await Promise.all([
    queries.invalidateQueries({ queryKey: deadLettersKey }),
    queries.invalidateQueries({ queryKey: domainsKey }),
    queries.invalidateQueries({ queryKey: queuesKey }),
  ]);
}

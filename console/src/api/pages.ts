import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";

/** A page of a list, and the token of the next. */
export interface ListPage<T> {
  items: readonly T[];
  next?: string | undefined;
}

/** A list that comes page by page. */
export interface Pages<T> {
  /** What was loaded so far. */
  items: readonly T[];
  error: Error | null;
  /** The first page is on its way. */
  loading: boolean;
  /** A further page, or everything anew, is on its way. */
  fetching: boolean;
  /** There is more on the server. */
  hasMore: boolean;
  /** Loads the next page, if there is one. */
  more: () => Promise<void>;
  /** Loads anew what was loaded. */
  refresh: () => void;
}

/**
 * Reads a list of the API page by page, through its tokens. The key names what is
 * read: service, operation and input. Calls are aborted when the page is left.
 */
export function usePages<T>(key: readonly unknown[], fetchPage: (token: string | undefined, signal: AbortSignal) => Promise<ListPage<T>>): Pages<T> {
  const { data, error, isPending, isFetching, hasNextPage, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => fetchPage(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
  });
  return {
    items: useMemo(() => data?.pages.flatMap((p) => p.items) ?? [], [data]),
    error,
    loading: isPending,
    fetching: isFetching,
    hasMore: hasNextPage,
    more: useCallback(async () => void (await fetchNextPage()), [fetchNextPage]),
    refresh: useCallback(() => void refetch(), [refetch]),
  };
}

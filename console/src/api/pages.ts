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

/** How a list is kept. */
export interface PagesOptions {
  /** Left alone when the window is focused again: reading it is no small matter. */
  calm?: boolean;
  /** False: it is not to be read yet. */
  enabled?: boolean;
}

/**
 * Reads a list of the API page by page, through its tokens. The key names what is
 * read: service, operation and input. Calls are aborted when the page is left. Pages
 * may carry more than items; they are answered as they came.
 */
export function usePages<P extends ListPage<unknown>>(
  key: readonly unknown[],
  fetchPage: (token: string | undefined, signal: AbortSignal) => Promise<P>,
  { calm = false, enabled = true }: PagesOptions = {},
): Pages<P["items"][number]> & { pages: readonly P[] } {
  const { data, error, isPending, isFetching, hasNextPage, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => fetchPage(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    enabled,
    ...(calm && { refetchOnWindowFocus: false, refetchOnReconnect: false }),
  });
  return {
    pages: data?.pages ?? [],
    items: useMemo(() => data?.pages.flatMap((p): readonly P["items"][number][] => p.items) ?? [], [data]),
    error,
    loading: isPending,
    fetching: isFetching,
    hasMore: hasNextPage,
    more: useCallback(async () => void (await fetchNextPage()), [fetchNextPage]),
    refresh: useCallback(() => void refetch(), [refetch]),
  };
}

/** A list that came as a whole, or with something else, which is told of its state. */
export function wholeList<T>(items: readonly T[], from: Pick<Pages<unknown>, "error" | "loading" | "fetching" | "refresh">): Pages<T> {
  const { error, loading, fetching, refresh } = from;
  return { items, error, loading, fetching, refresh, hasMore: false, more: async () => undefined };
}

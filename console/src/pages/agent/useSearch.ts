import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import { type Found, keep } from "./data";
import type { Outcome } from "./Results";

type Find = (signal: AbortSignal) => Promise<Found[]>;

/** A search that somebody makes: the last one counts, and one that is still on its way then is given up. */
export function useSearch(domain: string): {
  outcome: Outcome | undefined;
  searching: boolean;
  /** Searches, and returns what was found; undefined if it failed or another search has begun. */
  run: (text: string, find: Find) => Promise<readonly Found[] | undefined>;
  again: () => void;
} {
  const queries = useQueryClient();
  const [outcome, setOutcome] = useState<Outcome>();
  const [searching, setSearching] = useState(false);
  const present = useRef<AbortController>(undefined);
  const last = useRef<readonly [string, Find]>(undefined);
  const run = useCallback(
    async (text: string, find: Find): Promise<readonly Found[] | undefined> => {
      present.current?.abort();
      const control = new AbortController();
      present.current = control;
      last.current = [text, find];
      setSearching(true);
      setOutcome({ text, found: undefined, error: undefined });
      try {
        const found = await find(control.signal);
        if (control.signal.aborted) return undefined;
        keep(queries, domain, found);
        setOutcome({ text, found, error: undefined });
        setSearching(false);
        return found;
      } catch (error) {
        if (control.signal.aborted) return undefined;
        setOutcome({ text, found: undefined, error });
        setSearching(false);
        return undefined;
      }
    },
    [queries, domain],
  );
  return { outcome, searching, run, again: useCallback(() => void (last.current && run(...last.current)), [run]) };
}

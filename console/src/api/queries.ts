import { QueryClient } from "@tanstack/react-query";
import { session } from "../session/session";
import { isDead } from "./errors";

// The SDK tries again by itself what may be tried again. What is left are credentials
// that were exchanged after the server had refused the call as a whole.
const retry = (failures: number, e: Error): boolean => failures === 0 && isDead(e);

/** The cache of what pages read. Calls are aborted when nobody waits for them any more. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      networkMode: "always", // the server may be on this machine, whatever the network is
      retry,
      retryDelay: 0,
    },
    mutations: { networkMode: "always", retry, retryDelay: 0 },
  },
});

// Nothing of what one person read is left for the next.
let owner: string | undefined;
session.subscribe(() => {
  const { state } = session;
  const now = state.phase === "present" ? state.session.principal.arn : undefined;
  if (owner !== undefined && now !== owner) queries.clear();
  owner = now;
});

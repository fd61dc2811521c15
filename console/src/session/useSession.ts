import { useSyncExternalStore } from "react";
import { type Session, type State, session } from "./session";

/** Whether somebody is signed in, and who. */
export function useSessionState(): State {
  return useSyncExternalStore(session.subscribe, () => session.state);
}

/** The session, on pages that are shown only when there is one. */
export function useSession(): Session {
  const state = useSessionState();
  if (state.phase !== "present") throw new Error("useSession: this page is shown without a session");
  return state.session;
}

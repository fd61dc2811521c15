import { useEffect, useState } from "react";
import { kindred } from "../../api/kindred";
import { session } from "../../session/session";
import { type LiveContact, contactOf, pause, withChange } from "./arrivals";

/** How the stream of contacts is. */
export type StreamState = "off" | "connecting" | "live" | "broken" | "denied";

interface Seen {
  instanceId: string | undefined;
  contacts: readonly LiveContact[];
  state: StreamState;
}

/**
 * The contacts of an instance as they arrive and change; none without one. A stream
 * that breaks off is opened again, from where it was, with another signature.
 */
export function useArrivals(instanceId: string | undefined): { contacts: readonly LiveContact[]; state: StreamState } {
  const [seen, setSeen] = useState<Seen>({ instanceId: undefined, contacts: [], state: "off" });
  useEffect(() => {
    if (instanceId === undefined) return undefined;
    // What was seen of another instance is nothing of this one.
    const change = (to: (s: Seen) => Partial<Seen>): void =>
      setSeen((s) => {
        const own: Seen = s.instanceId === instanceId ? s : { instanceId, contacts: [], state: "connecting" };
        return { ...own, ...to(own) };
      });
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;
    let last = "";
    let failures = 0;
    const again = (): void => {
      source?.close();
      if (stopped) return;
      change((s) => ({ state: s.state === "denied" ? "denied" : "broken" }));
      timer = setTimeout(() => void open(), pause(failures++));
    };
    const open = async (): Promise<void> => {
      let url: string;
      try {
        url = await kindred().presigned("/console/events", { instanceId, ...(last && { lastEventId: last }) });
      } catch {
        again(); // no credentials now; signing out takes this page away
        return;
      }
      if (stopped) return;
      source = new EventSource(url);
      source.addEventListener("open", () => {
        failures = 0;
        change(() => ({ state: "live" }));
      });
      source.addEventListener("contact", (e: MessageEvent<string>) => {
        last = e.lastEventId || last;
        const contact = contactOf(e.data);
        if (contact) change((s) => ({ contacts: withChange(s.contacts, contact) }));
      });
      source.addEventListener("end", (e: MessageEvent<string>) => {
        if (reasonOf(e.data) === "CREDENTIALS") session.refused().catch(() => undefined);
        if (reasonOf(e.data) === "PERMISSION") change(() => ({ state: "denied" }));
        again();
      });
      source.addEventListener("error", again);
    };
    void open();
    return () => {
      stopped = true;
      clearTimeout(timer);
      source?.close();
    };
  }, [instanceId]);
  if (instanceId === undefined) return { contacts: [], state: "off" };
  return seen.instanceId === instanceId ? seen : { contacts: [], state: "connecting" };
}

function reasonOf(data: string): string {
  try {
    return (JSON.parse(data) as { reason?: string }).reason ?? "";
  } catch {
    return "";
  }
}

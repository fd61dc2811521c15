import { useEffect, useEffectEvent, useState } from "react";
import { useSearchParams } from "react-router";

/** What a page in another tab has made for the one that opened it. */
interface Made {
  /** For whom: the id that the opening page gave. */
  handover: string;
  /** How it is named: a queue's URL, a key's ARN. */
  value: string;
}

const parameter = "handover";
const channelName = "kindred-handover";

/**
 * For a page that lets the user make something on another page, in a new tab, and
 * wants to go on with it. The result is the address to open for a path of the console;
 * onMade is called with what was made there.
 */
export function useHandover(onMade: (value: string) => void): (path: string, query?: Readonly<Record<string, string>>) => string {
  const [id] = useState(() => crypto.randomUUID());
  const made = useEffectEvent(onMade);
  useEffect(() => {
    const channel = new BroadcastChannel(channelName);
    channel.addEventListener("message", ({ data }: MessageEvent<Made>) => {
      if (data.handover === id) made(data.value);
    });
    return () => channel.close();
  }, [id]);
  return (path, query = {}) => `${path}?${new URLSearchParams({ ...query, [parameter]: id }).toString()}`;
}

/** For the page in the new tab: gives what was made to the page that opened it; undefined if none did. */
export function useHandback(): ((value: string) => void) | undefined {
  const [search] = useSearchParams();
  const handover = search.get(parameter);
  if (!handover) return undefined;
  return (value) => {
    const channel = new BroadcastChannel(channelName);
    channel.postMessage({ handover, value } satisfies Made);
    channel.close();
  };
}

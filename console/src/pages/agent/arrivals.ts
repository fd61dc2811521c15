/** A contact as the stream of events shows it (docs/kindred-api.md, "Live contacts"). */
export interface LiveContact {
  contactId: string;
  channel?: string;
  initiationMethod?: string;
  state: "ARRIVED" | "CONNECTED" | "ENDED";
  initiationTimestamp?: string;
  connectedToAgentTimestamp?: string;
  disconnectTimestamp?: string;
  customerEndpoint?: { type: string; address: string };
  queueName?: string;
  agentId?: string;
  domainName?: string;
  profileIds: string[];
  moreProfiles?: boolean;
  associatedProfileId?: string;
  searchKey?: { name: string; value: string };
  profilesProblem?: string;
}

/** Contacts that are shown at most; older ones give way. */
export const shown = 20;

/** Contacts with one more change: the last one of a contact stands, new ones come first, and who has gone is last. */
export function withChange(list: readonly LiveContact[], change: LiveContact): LiveContact[] {
  const at = list.findIndex((c) => c.contactId === change.contactId);
  const next = at < 0 ? [change, ...list] : list.with(at, change);
  return [...next.filter((c) => c.state !== "ENDED"), ...next.filter((c) => c.state === "ENDED")].slice(0, shown);
}

/** A contact of an event's data; undefined if it is none. */
export function contactOf(data: string): LiveContact | undefined {
  try {
    const c = JSON.parse(data) as Partial<LiveContact> | null;
    if (typeof c?.contactId !== "string" || !["ARRIVED", "CONNECTED", "ENDED"].includes(c.state ?? "")) return undefined;
    return { ...c, profileIds: Array.isArray(c.profileIds) ? c.profileIds : [] } as LiveContact;
  } catch {
    return undefined;
  }
}

/** Milliseconds until a stream that broke off is opened again, after so many failures one upon another. */
export const pause = (failures: number): number => Math.min(30_000, 1000 * 2 ** Math.min(failures, 5));

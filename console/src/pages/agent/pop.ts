import { type Clue, keyNamed } from "./question";

/** What a softphone wants to be shown. */
export interface Pop {
  domain?: string;
  instanceId?: string;
  contactId?: string;
  profileId?: string;
  /** By what to search; any of them. */
  clues: readonly Clue[];
}

/** Texts longer than the API's bound of a value are no values. */
const maxValue = 255;
/** More are no question of a softphone. */
const maxClues = 5;

/**
 * Reads what is to be shown from names and values: domain, instanceId, contactId,
 * profileId, and beside these any key, such as phone, email, account or the name of
 * a key of the domain.
 */
export function popOf(given: Iterable<readonly [string, unknown]>): Pop {
  const pop: Pop = { clues: [] };
  const clues: Clue[] = [];
  for (const [name, raw] of given) {
    const value = typeof raw === "number" ? String(raw) : typeof raw === "string" ? raw.trim() : "";
    if (!value || value.length > maxValue || !/^\w[\w-]{0,63}$/.test(name)) continue;
    switch (name) {
      case "domain":
      case "instanceId":
      case "contactId":
      case "profileId":
        pop[name] = value;
        break;
      case "q": // what was typed into the search box
      case "type": // of a message
        break;
      default:
        // A plus that was not escaped has become a blank.
        clues.push({ name: keyNamed(name), value: keyNamed(name) === "_phone" && /^\d/.test(value) && typeof raw === "string" && raw.startsWith(" ") ? `+${value}` : value });
    }
  }
  return { ...pop, clues: clues.slice(0, maxClues) };
}

/** Reports whether there is anything to show. */
export const asks = (p: Pop): boolean => p.clues.length > 0 || p.profileId !== undefined || p.contactId !== undefined;

/** The message by which a page around this one, or one that has opened it, has something shown. */
export const messageType = "kindred.open";

/**
 * What a message asks for; undefined if it is none of ours, or comes from an origin that
 * the administrator has not allowed.
 */
export function popOfMessage(origin: string, data: unknown, allowed: readonly string[]): Pop | undefined {
  if (!allowed.includes(origin) || typeof data !== "object" || data === null) return undefined;
  if ((data as { type?: unknown }).type !== messageType) return undefined;
  const pop = popOf(Object.entries(data));
  return asks(pop) ? pop : undefined;
}

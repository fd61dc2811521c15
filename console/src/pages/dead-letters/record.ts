import type { DeadLetter, RedriveDeadLettersResponse } from "../../api/kindred.types";

/** A record as it is shown to be edited: JSON in lines, anything else as it is. */
export function pretty(body: string): string {
  const value = parse(body);
  if (value === undefined || roundTrips(body, value) === false) return body;
  return JSON.stringify(value, null, 2);
}

/** The record to be sent in place of a letter's; undefined while it says the same. */
export function toSend(text: string, body: string): string | undefined {
  if (text === body || text === pretty(body)) return undefined;
  const [now, was] = [parse(text), parse(body)];
  if (now === undefined || !roundTrips(text, now)) return text;
  const compact = JSON.stringify(now);
  return was !== undefined && roundTrips(body, was) && compact === JSON.stringify(was) ? undefined : compact;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Reports whether a JSON text can be written anew without its numbers changing.
 * JavaScript would round long ones, such as the ids that some applications have.
 */
function roundTrips(text: string, value: unknown): boolean {
  const numbers = (s: string): string => (s.replace(/"(?:[^"\\]|\\.)*"/g, "").match(/-?\d[\d.eE+-]*/g) ?? []).join();
  return numbers(text) === numbers(JSON.stringify(value));
}

/** What became of a letter that was sent again. */
export interface Verdict {
  /**
   * ingested; failed: the letter is as before; replaced: it failed with another error,
   * and there is a new letter with that; held: it was not to be had.
   */
  state: "ingested" | "failed" | "replaced" | "held";
  message?: string | undefined;
  note?: string | undefined;
}

/** Reads the answer of a redrive of one letter. */
export function verdict(out: RedriveDeadLettersResponse, letter: DeadLetter, edited: boolean): Verdict {
  const result = out.Results[0];
  switch (result?.State) {
    case "REDRIVEN":
      return { state: "ingested", note: result.Note };
    case "FAILED": {
      // With a note the new letter could not be sent, and the old one is still there.
      const replaced = !edited && !result.Note && result.Message !== letter.Message && !/try again$/.test(result.Message ?? "");
      return { state: replaced ? "replaced" : "failed", message: result.Message, note: result.Note };
    }
    default:
      return { state: "held", note: result?.Note };
  }
}

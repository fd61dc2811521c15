import type { ProfileObject } from "./data";

/** A value of an object, which may be anything, as a text; undefined if there is none. */
export function text(value: unknown): string | undefined {
  if (typeof value === "string") return value.trim() || undefined;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return undefined;
}

/** What is at a path of members. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let v = value;
  for (const step of path) {
    if (typeof v !== "object" || v === null) return undefined;
    v = (v as Record<string, unknown>)[step];
  }
  return v;
}

/** A time as records have it: milliseconds or seconds since 1970, or a text that says so or is an ISO 8601 time. */
export function time(value: unknown): Date | undefined {
  const n = typeof value === "number" ? value : typeof value === "string" && /^\d{9,14}$/.test(value) ? Number(value) : undefined;
  const date = n !== undefined ? new Date(n > 1e11 ? n : n * 1000) : typeof value === "string" && /^\d{4}-\d\d-\d\d/.test(value) ? new Date(value) : undefined;
  return date && !Number.isNaN(date.getTime()) ? date : undefined;
}

/** A contact of a profile's history. */
export interface PastContact {
  object: ProfileObject;
  id: string;
  at: Date | undefined;
  channel: string | undefined;
  method: string | undefined;
  queue: string | undefined;
  agent: string | undefined;
  address: string | undefined;
  /** Seconds. */
  length: number | undefined;
}

/** Reads a contact record in the form in which profiles keep it. */
export function contactOf(object: ProfileObject): PastContact {
  const f = object.fields;
  const began = time(f["initiationTimestamp"]);
  const ended = time(f["disconnectTimestamp"]);
  return {
    object,
    id: text(f["contactId"]) ?? object.key,
    at: began ?? time(f["lastUpdateTimestamp"]),
    channel: text(f["channel"]),
    method: text(f["initiationMethod"]),
    queue: text(at(f, "queue", "name")),
    agent: text(at(f, "agent", "username")) ?? text(at(f, "agent", "id")),
    address: text(at(f, "customerEndpoint", "address")),
    length: began && ended && ended >= began ? Math.round((ended.getTime() - began.getTime()) / 1000) : undefined,
  };
}

/** A span of time as clocks show it: 4:07, 1:02:09. */
export function clock(seconds: number): string {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number): string => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** What of a record is shown on one line: its plain values, shortly. */
export function line(fields: Readonly<Record<string, unknown>>, most = 6): string {
  const parts = Object.entries(fields).flatMap(([name, v]) => {
    const value = text(v);
    return value ? [`${name}: ${value.length > 60 ? `${value.slice(0, 59)}…` : value}`] : [];
  });
  return parts.slice(0, most).join(" · ") + (parts.length > most ? " …" : "");
}

/** The number of a standard object: its own id, else the server's. */
export const numberOf = (o: ProfileObject, own: string): string => text(o.fields[own]) ?? o.key;

/** Units of a span of time, the smallest first. */
export const units = ["s", "m", "h", "d"] as const;
export type Unit = (typeof units)[number];

const seconds: Readonly<Record<Unit, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A span of time as it is entered. */
export interface Duration {
  amount: string;
  unit: Unit;
}

/** A span in seconds as one would enter it: in the largest unit that it is whole in. */
export function durationOf(value: number): Duration {
  const unit = [...units].reverse().find((u) => value >= seconds[u] && value % seconds[u] === 0) ?? "s";
  return { amount: String(value / seconds[unit]), unit };
}

/** The seconds of a span as it was entered; undefined if it is no whole number of them. */
export function secondsOf({ amount, unit }: Duration): number | undefined {
  if (!/^\d{1,9}(\.\d+)?$/.test(amount.trim())) return undefined;
  const value = Number(amount) * seconds[unit];
  return Number.isInteger(value) ? value : undefined;
}

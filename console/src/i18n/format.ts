import { useMemo } from "react";
import { usePreferences } from "../preferences/preferences";
import type { Locale } from "./text";

/** Numbers and times as a language writes them. */
export interface Format {
  number: (n: number) => string;
  /** A span of time given in seconds, in the largest unit that it is whole in. */
  duration: (seconds: number) => string;
  /** A size in bytes, in the unit that suits it (1 kB is 1000 bytes). */
  bytes: (n: number) => string;
  /** Date and time to the minute, in the user's time zone. */
  dateTime: (t: Date) => string;
  /** Date and time to the second, with the time zone. */
  exact: (t: Date) => string;
  date: (t: Date) => string;
}

const spans = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
] as const;

const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** Formats for a language; zone is for tests, the user's own otherwise. */
export function formats(locale: Locale, zone?: string): Format {
  const timeZone = zone ? { timeZone: zone } : {};
  const numbers = new Intl.NumberFormat(locale);
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", ...timeZone });
  const exact = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "long", ...timeZone });
  const date = new Intl.DateTimeFormat(locale, { dateStyle: "medium", ...timeZone });
  return {
    number: (n) => numbers.format(n),
    duration: (n) => {
      const [unit, seconds] = spans.find(([, size]) => n >= size && n % size === 0) ?? ["second", 1];
      return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(n / seconds);
    },
    bytes: (n) => {
      const step = n < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(n) / 3));
      return new Intl.NumberFormat(locale, { style: "unit", unit: units[step], unitDisplay: step === 0 ? "long" : "short", maximumFractionDigits: 1 }).format(n / 1000 ** step);
    },
    dateTime: (t) => dateTime.format(t),
    exact: (t) => exact.format(t),
    date: (t) => date.format(t),
  };
}

/** Formats for the language that the user has chosen. */
export function useFormat(): Format {
  const { locale } = usePreferences();
  return useMemo(() => formats(locale), [locale]);
}

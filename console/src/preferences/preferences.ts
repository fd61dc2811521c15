import { Density, Mode, applyDensity, applyMode } from "@cloudscape-design/global-styles";
import { useSyncExternalStore } from "react";
import type { Locale } from "../i18n/text";
import { recall, remember } from "./storage";

/** How a user wants to see the console, in this browser. */
export interface Preferences {
  locale: Locale;
  /** browser: as the browser or system is set. */
  mode: "browser" | "light" | "dark";
  density: "comfortable" | "compact";
}

const key = "kindred.preferences";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** The first of the browser's languages that the console has; English if it has none. */
export function preferredLocale(languages: readonly string[]): Locale {
  for (const language of languages) {
    if (/^pt\b/i.test(language)) return "pt-BR";
    if (/^en\b/i.test(language)) return "en";
  }
  return "en";
}

function stored(): Preferences {
  const defaults: Preferences = { locale: preferredLocale(navigator.languages), mode: "browser", density: "comfortable" };
  const saved = recall(key);
  if (typeof saved !== "object" || saved === null) return defaults;
  const { locale, mode, density } = saved as Record<string, unknown>;
  return {
    locale: locale === "en" || locale === "pt-BR" ? locale : defaults.locale,
    mode: mode === "light" || mode === "dark" ? mode : defaults.mode,
    density: density === "compact" ? density : defaults.density,
  };
}

let preferences = stored();
const listeners = new Set<() => void>();

function apply(): void {
  const isDark = preferences.mode === "browser" ? dark.matches : preferences.mode === "dark";
  applyMode(isDark ? Mode.Dark : Mode.Light);
  applyDensity(preferences.density === "compact" ? Density.Compact : Density.Comfortable);
  document.documentElement.style.colorScheme = isDark ? "dark" : "light";
  document.documentElement.lang = preferences.locale;
}

/** Puts the preferences into force on the document; once, before anything is shown. */
export function startPreferences(): void {
  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", (e) => {
    if (e.key === key) change(stored());
  });
}

function change(next: Preferences): void {
  preferences = next;
  apply();
  for (const listener of listeners) listener();
}

/** Changes some of the preferences and remembers them. */
export function setPreferences(some: Partial<Preferences>): void {
  const next = { ...preferences, ...some };
  remember(key, next);
  change(next);
}

/** The preferences in force. */
export function usePreferences(): Preferences {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => preferences,
  );
}

import { useMemo } from "react";
import { usePreferences } from "../preferences/preferences";

/** The languages of the console. */
export const locales = ["en", "pt-BR"] as const;
export type Locale = (typeof locales)[number];

/** A text whose form follows a number, the parameter count. */
export interface Plural {
  one: string;
  other: string;
}

/** A text in every language. {name} stands for a parameter, the same ones in each. */
export type Message = Readonly<Record<Locale, string | Plural>>;
export type Catalogue = Readonly<Record<string, Message>>;

/** Declares the texts of a page or component; they lie in messages.ts beside it. */
export function messages<const M extends Catalogue>(m: M): M {
  return m;
}

type Placeholders<S> = S extends `${string}{${infer P}}${infer Rest}` ? P | Placeholders<Rest> : never;
type Named<T> = T extends Plural ? Placeholders<T["one"] | T["other"]> | "count" : Placeholders<T>;
type Values<N extends string> = [N] extends [never] ? [] : [values: Readonly<{ [K in N]: K extends "count" ? number : string | number }>];

/** The texts of a catalogue in one language. Numbers are written as the language writes them. */
export type Text<M extends Catalogue> = <K extends keyof M & string>(key: K, ...values: Values<Named<M[K]["en"]>>) => string;

/** The texts of a catalogue in a language. */
export function texts<M extends Catalogue>(catalogue: M, locale: Locale): Text<M> {
  const numbers = new Intl.NumberFormat(locale);
  const plurals = new Intl.PluralRules(locale);
  return (key, ...[values]) => {
    const message = catalogue[key]?.[locale];
    if (message === undefined) throw new Error(`no text ${key}`);
    const params = (values ?? {}) as Record<string, string | number>;
    const pattern = typeof message === "string" ? message : plurals.select(Number(params.count)) === "one" ? message.one : message.other;
    return pattern.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = params[name];
      return typeof value === "number" ? numbers.format(value) : (value ?? "");
    });
  };
}

/** The texts of a catalogue in the language that the user has chosen. */
export function useText<M extends Catalogue>(catalogue: M): Text<M> {
  const { locale } = usePreferences();
  return useMemo(() => texts(catalogue, locale), [catalogue, locale]);
}

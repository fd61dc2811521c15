import { I18nProvider, type I18nProviderProps } from "@cloudscape-design/components/i18n";
import { QueryClientProvider } from "@tanstack/react-query";
import { Suspense, use } from "react";
import { RouterProvider } from "react-router";
import { queries } from "../api/queries";
import type { Locale } from "../i18n/text";
import { usePreferences } from "../preferences/preferences";
import { router } from "./router";

type Texts = readonly I18nProviderProps.Messages[];

// Cloudscape's own messages, loaded for the language that is wanted.
const loaders: Record<Locale, () => Promise<{ default: I18nProviderProps.Messages }>> = {
  en: () => import("@cloudscape-design/components/i18n/messages/all.en"),
  "pt-BR": () => import("@cloudscape-design/components/i18n/messages/all.pt-BR"),
};
const loaded = new Map<Locale, Promise<Texts>>();

function componentTexts(locale: Locale): Promise<Texts> {
  let texts = loaded.get(locale);
  if (!texts) {
    texts = loaders[locale]().then((m) => [m.default]);
    loaded.set(locale, texts);
  }
  return texts;
}

function Localised() {
  const { locale } = usePreferences();
  const texts = use(componentTexts(locale));
  return (
    <I18nProvider locale={locale} messages={texts}>
      <RouterProvider router={router} />
    </I18nProvider>
  );
}

/** The console. */
export function App() {
  return (
    <QueryClientProvider client={queries}>
      <Suspense fallback={null}>
        <Localised />
      </Suspense>
    </QueryClientProvider>
  );
}

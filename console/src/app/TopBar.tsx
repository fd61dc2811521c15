import TopNavigation, { type TopNavigationProps } from "@cloudscape-design/components/top-navigation";
import { useNavigate } from "react-router";
import { type Locale, locales, useText } from "../i18n/text";
import { type Preferences, setPreferences, usePreferences } from "../preferences/preferences";
import { session } from "../session/session";
import { useSession } from "../session/useSession";
import logo from "./kindred.svg";
import catalogue from "./messages";
import { useFrame } from "./frame";
import { useErrorText } from "../components/ErrorAlert";

const languageNames: Record<Locale, string> = { en: "English", "pt-BR": "Português (Brasil)" };

/** The menu of languages, for every bar on top of a page. */
export function languageMenu(label: string, locale: Locale): TopNavigationProps.MenuDropdownUtility {
  return {
    type: "menu-dropdown",
    iconName: "globe",
    text: languageNames[locale],
    ariaLabel: `${label}: ${languageNames[locale]}`,
    items: locales.map((id) => ({ id, text: languageNames[id], lang: id, itemType: "checkbox", checked: id === locale })),
    onItemClick: ({ detail }) => setPreferences({ locale: detail.id as Locale }),
  };
}

/** The menu of appearance and density, for every bar on top of a page. */
export function useSettingsMenu(): TopNavigationProps.MenuDropdownUtility {
  const t = useText(catalogue);
  const { mode, density } = usePreferences();
  const checkbox = (id: string, text: string, checked: boolean) => ({ id, text, itemType: "checkbox" as const, checked });
  return {
    type: "menu-dropdown",
    iconName: "settings",
    ariaLabel: t("settings"),
    title: t("settings"),
    items: [
      {
        id: "mode",
        text: t("appearance"),
        items: [
          checkbox("mode:browser", t("modeBrowser"), mode === "browser"),
          checkbox("mode:light", t("modeLight"), mode === "light"),
          checkbox("mode:dark", t("modeDark"), mode === "dark"),
        ],
      },
      {
        id: "density",
        text: t("density"),
        items: [
          checkbox("density:comfortable", t("comfortable"), density === "comfortable"),
          checkbox("density:compact", t("compact"), density === "compact"),
        ],
      },
    ],
    onItemClick: ({ detail }) => {
      const [what, value] = detail.id.split(":");
      if (what === "mode") setPreferences({ mode: value as Preferences["mode"] });
      if (what === "density") setPreferences({ density: value as Preferences["density"] });
    },
  };
}

/** The texts that a bar on top needs for small screens. */
export function useTopTexts(): TopNavigationProps.I18nStrings {
  const t = useText(catalogue);
  return { overflowMenuTriggerText: t("more"), overflowMenuTitleText: t("all"), overflowMenuBackIconAriaLabel: t("back"), overflowMenuDismissIconAriaLabel: t("close") };
}

/** The bar on top of every page: the way home, language, appearance, and who is signed in. */
export function TopBar() {
  const t = useText(catalogue);
  const { locale } = usePreferences();
  const { principal, accountId, region } = useSession();
  const navigate = useNavigate();
  const { notify } = useFrame();
  const errorText = useErrorText();
  const settings = useSettingsMenu();
  const i18nStrings = useTopTexts();
  return (
    <div id="top" style={{ position: "sticky", insetBlockStart: 0, zIndex: 1002 }}>
      <TopNavigation
        identity={{
          title: "Kindred",
          logo: { src: logo, alt: t("logo") },
          href: "/console/",
          onFollow: (e) => {
            e.preventDefault();
            void navigate("/console/");
          },
        }}
        i18nStrings={i18nStrings}
        utilities={[
          {
            type: "button",
            text: t("workspace"),
            iconName: "contact",
            href: "/agent",
            onFollow: (e) => {
              e.preventDefault();
              void navigate("/agent");
            },
          },
          languageMenu(t("language"), locale),
          settings,
          {
            type: "menu-dropdown",
            iconName: "user-profile",
            text: principal.name,
            description: t("account", { account: accountId, region }),
            items: [{ id: "sign-out", text: t("signOut") }],
            onItemClick: ({ detail }) => {
              if (detail.id === "sign-out") session.signOut().catch((e: unknown) => notify({ type: "error", text: errorText(e) }));
            },
          },
        ]}
      />
    </div>
  );
}

import SideNavigation, { type SideNavigationProps } from "@cloudscape-design/components/side-navigation";
import { generatePath, useNavigate } from "react-router";
import { type Locale, useText } from "../i18n/text";
import { usePreferences } from "../preferences/preferences";
import catalogue from "./messages";
import { type Menu, type PageRoute, pages } from "./page";

/** The entries of a menu, filled with the parameters of the page that is shown. */
export function entries(all: readonly PageRoute[], menu: Menu, params: Readonly<Record<string, string | undefined>>, locale: Locale): SideNavigationProps.Item[] {
  const items: SideNavigationProps.Item[] = [];
  const sections = new Map<string, SideNavigationProps.Link[]>();
  const ordered = all.flatMap((p) => (p.menu === menu && p.nav ? [{ path: p.path, ...p.nav }] : [])).sort((a, b) => a.order - b.order);
  for (const { path, text, section } of ordered) {
    const link: SideNavigationProps.Link = { type: "link", text: String(text[locale]), href: generatePath(path, params) };
    if (!section) {
      items.push(link);
      continue;
    }
    const title = String(section[locale]);
    let group = sections.get(title);
    if (!group) {
      sections.set(title, (group = []));
      items.push({ type: "section", text: title, items: group });
    }
    group.push(link);
  }
  return items;
}

/** The navigation beside a page. */
export function Navigation({ menu, page, params, subject }: { menu: Menu; page: PageRoute; params: Readonly<Record<string, string | undefined>>; subject: string | undefined }) {
  const t = useText(catalogue);
  const { locale } = usePreferences();
  const navigate = useNavigate();
  const items = entries(pages, menu, params, locale);
  const header = menu === "main" ? { text: "Kindred", href: "/console/instances" } : { text: subject ?? "", href: headerPath(menu, params) };
  return (
    <SideNavigation
      header={header}
      items={menu === "main" ? items : [{ type: "link", text: `‹ ${t("instances")}`, href: "/console/instances" }, { type: "divider" }, ...items]}
      activeHref={generatePath(page.under ?? page.path, params)}
      onFollow={(e) => {
        if (e.detail.external) return;
        e.preventDefault();
        void navigate(e.detail.href);
      }}
    />
  );
}

function headerPath(menu: "instance" | "domain", params: Readonly<Record<string, string | undefined>>): string {
  const path: string = menu === "instance" ? "/console/instances/:instanceId" : "/console/domains/:domainName";
  return generatePath(path, params);
}

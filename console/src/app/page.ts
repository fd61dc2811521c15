import type { ComponentType } from "react";
import type { Message } from "../i18n/text";

/** The menus of the side navigation. A page shows the one that it belongs to. */
export type Menu = "main" | "instance" | "domain";

/** An entry of a menu. */
export interface NavEntry {
  text: Message;
  /** Entries of a menu are shown by this number, ascending. */
  order: number;
  /** Entries with the same section are grouped under it. */
  section?: Message;
}

/**
 * A page of the console. A folder under src/pages that has a file route.ts with one
 * as its default export is all that it takes: the router and the navigation find it.
 */
export interface PageRoute {
  /** As React Router writes paths, such as /console/instances/:instanceId. */
  path: string;
  /** Loads the page's module, whose default export is its component. */
  load: () => Promise<{ default: ComponentType }>;
  /** The menu beside the page; none: the page fills the window's width. */
  menu?: Menu;
  /** The page's entry in its menu, if it has one. */
  nav?: NavEntry;
  /** The path of the page whose entry is highlighted while this one is shown, if it is another's. */
  under?: string;
}

const modules = import.meta.glob<{ default: PageRoute | readonly PageRoute[] }>("../pages/*/route.ts", { eager: true });

/** Every page but the sign-in page. */
export const pages: readonly PageRoute[] = Object.values(modules).flatMap((m) => m.default);

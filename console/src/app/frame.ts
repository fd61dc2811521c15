import { createContext, useContext } from "react";

/** A step of the way to a page, as breadcrumbs show it. */
export interface Crumb {
  text: string;
  href: string;
}

/** A notification over the page. */
export interface Notice {
  type: "success" | "info" | "warning" | "error";
  /** A sentence. */
  text: string;
}

/** What pages say to the frame around them. */
export interface Frame {
  /** Shows the way to the page. */
  setCrumbs: (crumbs: readonly Crumb[]) => void;
  /** Heads the navigation with the name of what its menu is about, such as an instance. */
  setSubject: (name: string | undefined) => void;
  /** Shows a notification, on the page that one goes to next too. */
  notify: (notice: Notice) => void;
}

export const FrameContext = createContext<Frame>({ setCrumbs: () => undefined, setSubject: () => undefined, notify: () => undefined });

/** The frame around the page. */
export const useFrame = (): Frame => useContext(FrameContext);

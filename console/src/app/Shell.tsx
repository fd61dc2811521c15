import AppLayoutToolbar from "@cloudscape-design/components/app-layout-toolbar";
import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import Flashbar, { type FlashbarProps } from "@cloudscape-design/components/flashbar";
import { useCallback, useMemo, useRef, useState } from "react";
import { Outlet, useLocation, useMatches, useNavigate, useNavigation } from "react-router";
import LiveRegion from "@cloudscape-design/components/live-region";
import { useText } from "../i18n/text";
import { type Crumb, type Frame, FrameContext, type Notice } from "./frame";
import catalogue from "./messages";
import { Navigation } from "./Navigation";
import { pages } from "./page";
import { TopBar } from "./TopBar";

/** A notification, and through how many changes of the page it was shown. */
type Shown = Notice & { id: string; pages: number };

/** The frame of every page: the bar on top, the navigation, breadcrumbs and notifications. */
export default function Shell() {
  const t = useText(catalogue);
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const busy = useNavigation().state === "loading";
  const [crumbs, setCrumbs] = useState<readonly Crumb[]>([]);
  const [subject, setSubject] = useState<string>();
  const [notices, setNotices] = useState<readonly Shown[]>([]);
  const [navigationOpen, setNavigationOpen] = useState(() => innerWidth > 900);
  const counter = useRef(0);

  const dismiss = useCallback((id: string) => setNotices((list) => list.filter((n) => n.id !== id)), []);
  // A notification is there on the page that it was made on and on the one that is
  // gone to then, and not for ever.
  const [here, setHere] = useState(pathname);
  if (here !== pathname) {
    setHere(pathname);
    setNotices((list) => list.filter((n) => n.pages === 0).map((n) => ({ ...n, pages: n.pages + 1 })));
  }
  const frame = useMemo<Frame>(
    () => ({
      setCrumbs,
      setSubject,
      notify: (notice) => {
        const id = String(++counter.current);
        setNotices((list) => [{ ...notice, id, pages: 0 }, ...list].slice(0, 5));
      },
    }),
    [],
  );

  // The router knows the page of an address; routes have the page's path as their id.
  const match = useMatches().at(-1);
  const page = pages.find((p) => p.path === match?.id);
  const items: FlashbarProps.MessageDefinition[] = notices.map(({ id, type, text }) => ({
    id,
    type,
    content: text,
    dismissible: true,
    dismissLabel: t("dismiss"),
    ariaRole: type === "error" ? "alert" : "status",
    onDismiss: () => dismiss(id),
  }));

  return (
    <FrameContext value={frame}>
      <TopBar />
      <AppLayoutToolbar
        headerSelector="#top"
        toolsHide
        navigationHide={!page?.menu}
        navigationOpen={navigationOpen}
        onNavigationChange={({ detail }) => setNavigationOpen(detail.open)}
        navigation={page?.menu && <Navigation menu={page.menu} page={page} params={match?.params ?? {}} subject={subject} />}
        breadcrumbs={
          crumbs.length > 1 && (
            <BreadcrumbGroup
              ariaLabel={t("breadcrumbs")}
              items={[...crumbs]}
              onFollow={(e) => {
                e.preventDefault();
                void navigate(e.detail.href);
              }}
            />
          )
        }
        notifications={items.length > 0 && <Flashbar items={items} />}
        stickyNotifications
        ariaLabels={{
          navigation: t("navigation"),
          navigationClose: t("closeNavigation"),
          navigationToggle: t("openNavigation"),
          notifications: t("notifications"),
        }}
        content={
          <div aria-busy={busy}>
            {busy && <LiveRegion hidden>{t("loading")}</LiveRegion>}
            <Outlet />
          </div>
        }
      />
    </FrameContext>
  );
}

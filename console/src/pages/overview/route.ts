import type { PageRoute } from "../../app/page";

export default {
  path: "/console/domains/:domainName",
  load: () => import("./OverviewPage"),
  menu: "domain",
  nav: { text: { en: "Overview", "pt-BR": "Visão geral" }, order: 10 },
} satisfies PageRoute;

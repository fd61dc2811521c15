import type { PageRoute } from "../../app/page";

export default {
  path: "/console/domains",
  load: () => import("./DomainsPage"),
  menu: "main",
  nav: { text: { en: "Domains", "pt-BR": "Domínios" }, order: 20 },
} satisfies PageRoute;

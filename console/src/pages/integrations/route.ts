import type { PageRoute } from "../../app/page";

export default {
  path: "/console/domains/:domainName/integrations",
  load: () => import("./IntegrationsPage"),
  menu: "domain",
  nav: { text: { en: "Integrations", "pt-BR": "Integrações" }, order: 34, section: { en: "Data", "pt-BR": "Dados" } },
} satisfies PageRoute;

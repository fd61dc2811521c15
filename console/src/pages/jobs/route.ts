import type { PageRoute } from "../../app/page";

export default {
  path: "/console/domains/:domainName/jobs",
  load: () => import("./JobsPage"),
  menu: "domain",
  nav: { text: { en: "Jobs", "pt-BR": "Trabalhos" }, order: 70 },
} satisfies PageRoute;

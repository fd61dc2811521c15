import type { PageRoute } from "../../app/page";

export default {
  path: "/console/instances/:instanceId",
  load: () => import("./InstancePage"),
  menu: "instance",
  nav: { text: { en: "Overview", "pt-BR": "Visão geral" }, order: 10 },
} satisfies PageRoute;

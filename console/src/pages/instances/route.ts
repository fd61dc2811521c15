import type { PageRoute } from "../../app/page";

export default [
  {
    path: "/console/instances",
    load: () => import("./InstancesPage"),
    menu: "main",
    nav: { text: { en: "Instances", "pt-BR": "Instâncias" }, order: 10 },
  },
  {
    path: "/console/instances/create",
    load: () => import("./CreateInstancePage"),
    menu: "main",
    under: "/console/instances",
  },
] satisfies PageRoute[];

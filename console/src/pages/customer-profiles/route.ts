import type { PageRoute } from "../../app/page";

const path = "/console/instances/:instanceId/customer-profiles";

export default [
  {
    path,
    load: () => import("./CustomerProfilesPage"),
    menu: "instance",
    nav: { text: { en: "Customer profiles", "pt-BR": "Perfis de clientes" }, order: 20 },
  },
  { path: `${path}/enable`, load: () => import("./EnablePage"), menu: "instance", under: path },
] satisfies PageRoute[];

import type { PageRoute } from "../../app/page";

export default [
  {
    path: "/console/keys",
    load: () => import("./KeysPage"),
    menu: "main",
    nav: { text: { en: "Keys", "pt-BR": "Chaves" }, order: 70 },
  },
  { path: "/console/keys/:keyId", load: () => import("./KeyPage"), menu: "main", under: "/console/keys" },
] satisfies PageRoute[];

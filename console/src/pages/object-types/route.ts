import type { PageRoute } from "../../app/page";

const path = "/console/domains/:domainName/object-types";
const section = { en: "Data", "pt-BR": "Dados" };

export default [
  {
    path,
    load: () => import("./ObjectTypesPage"),
    menu: "domain",
    nav: { text: { en: "Object types", "pt-BR": "Tipos de objeto" }, order: 30, section },
  },
  // The editor needs the whole width.
  { path: `${path}/create`, load: () => import("./CreateObjectTypePage") },
  { path: `${path}/:objectTypeName`, load: () => import("./ObjectTypePage") },
] satisfies PageRoute[];

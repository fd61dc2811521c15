import type { PageRoute } from "../../app/page";

const path = "/console/policies";

export default [
  { path, load: () => import("./PoliciesPage"), menu: "main", nav: { text: { en: "Policies", "pt-BR": "Políticas" }, order: 61, section: { en: "Access", "pt-BR": "Acesso" } } },
  { path: `${path}/create`, load: () => import("./CreatePolicyPage"), menu: "main", under: path },
  { path: `${path}/:policyName`, load: () => import("./PolicyPage"), menu: "main", under: path },
] satisfies PageRoute[];

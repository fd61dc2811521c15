import type { PageRoute } from "../../app/page";

const path = "/console/users";

export default [
  { path, load: () => import("./UsersPage"), menu: "main", nav: { text: { en: "Users", "pt-BR": "Usuários" }, order: 60, section: { en: "Access", "pt-BR": "Acesso" } } },
  { path: `${path}/:userName`, load: () => import("./UserPage"), menu: "main", under: path },
] satisfies PageRoute[];

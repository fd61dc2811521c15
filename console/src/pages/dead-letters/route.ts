import type { PageRoute } from "../../app/page";

const path = "/console/domains/:domainName/dead-letters";

export default [
  {
    path,
    load: () => import("./DeadLettersPage"),
    menu: "domain",
    nav: { text: { en: "Dead letters", "pt-BR": "Mensagens mortas" }, order: 60, section: { en: "Data", "pt-BR": "Dados" } },
  },
  { path: `${path}/:letterId`, load: () => import("./LetterPage"), menu: "domain", under: path },
] satisfies PageRoute[];

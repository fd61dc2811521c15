import type { PageRoute } from "../../app/page";

export default {
  path: "/console/domains/:domainName/upload",
  load: () => import("./UploadPage"),
  menu: "domain",
  nav: { text: { en: "Upload", "pt-BR": "Envio" }, order: 32, section: { en: "Data", "pt-BR": "Dados" } },
} satisfies PageRoute;

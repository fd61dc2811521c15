import type { PageRoute } from "../../app/page";

export default [
  {
    path: "/console/queues",
    load: () => import("./QueuesPage"),
    menu: "main",
    nav: { text: { en: "Queues", "pt-BR": "Filas" }, order: 60 },
  },
  { path: "/console/queues/:queueName", load: () => import("./QueuePage"), menu: "main", under: "/console/queues" },
] satisfies PageRoute[];

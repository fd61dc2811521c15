import type { PageRoute } from "../../app/page";

export default { path: "/console/queues/create", load: () => import("./CreateQueuePage"), menu: "main" } satisfies PageRoute;

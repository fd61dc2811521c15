import type { PageRoute } from "../../app/page";

// A softphone opens it by this path too, with a query (see pop.ts).
export default { path: "/agent", load: () => import("./AgentPage") } satisfies PageRoute;

import type { PageRoute } from "../../app/page";

export default { path: "/console/keys/create", load: () => import("./CreateKeyPage"), menu: "main" } satisfies PageRoute;

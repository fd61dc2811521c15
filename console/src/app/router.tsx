import { createBrowserRouter, Navigate } from "react-router";
import { home, signInPath } from "../session/returnpath";
import { pages } from "./page";
import { PageError } from "./PageError";
import { RequireSession } from "./RequireSession";

/** Every path of the console. Pages are loaded when they are first wanted. */
export const router = createBrowserRouter([
  {
    ErrorBoundary: PageError,
    HydrateFallback: () => null,
    children: [
      { path: signInPath, lazy: async () => ({ Component: (await import("../pages/sign-in/SignInPage")).default }) },
      {
        Component: RequireSession,
        children: [
          {
            lazy: async () => ({ Component: (await import("./Shell")).default }),
            children: [
              { path: home, element: <Navigate to="/console/instances" replace /> },
              {
                // A page that breaks leaves the frame around it standing.
                ErrorBoundary: PageError,
                children: pages.map(({ path, load }) => ({ path, id: path, lazy: async () => ({ Component: (await load()).default }) })),
              },
              { path: "*", lazy: async () => ({ Component: (await import("./NotFoundPage")).default }) },
            ],
          },
        ],
      },
    ],
  },
]);

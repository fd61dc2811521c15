import { useEffect } from "react";
import { Navigate, Outlet, useLocation } from "react-router";
import { signInFor } from "../session/returnpath";
import { session } from "../session/session";
import { useSessionState } from "../session/useSession";

/** Shows its pages to whoever is signed in, and sends others to the sign-in page, from where they come back. */
export function RequireSession() {
  const state = useSessionState();
  const here = useLocation();

  // Somebody may fill in a long form without a call of the API; whatever they do
  // keeps the session, and only then.
  useEffect(() => {
    const used = (): void => void session.keepAlive().catch(() => undefined);
    addEventListener("keydown", used);
    addEventListener("pointerdown", used);
    return () => {
      removeEventListener("keydown", used);
      removeEventListener("pointerdown", used);
    };
  }, []);

  switch (state.phase) {
    case "resuming":
      return null;
    case "present":
      return <Outlet />;
    case "absent":
      // Whoever signs out has finished with the page.
      return <Navigate to={signInFor(state.why === "signedOut" ? { pathname: "", search: "" } : here)} replace />;
  }
}

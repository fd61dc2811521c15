import { signInPath } from "./returnpath";
import { session } from "./session";

/** Why a one-time link did not sign in; for the sign-in page to show. */
export let linkFailure: unknown;

/** The token of a one-time link, taken out of the address. */
function takeToken(): string | undefined {
  if (location.pathname !== signInPath) return undefined;
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return undefined;
  // At once, whatever becomes of it: the address must not be left in the history,
  // nor copied with the token from the address bar.
  history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/** Takes up the browser's session, or signs in with the one-time link that led here. */
export async function startSession(): Promise<void> {
  // A link that is pasted into a tab with the sign-in page changes no more than the hash.
  addEventListener("hashchange", () => void signInByLink(takeToken()));
  const token = takeToken();
  await (token === undefined ? session.resume() : signInByLink(token));
}

async function signInByLink(token: string | undefined): Promise<void> {
  if (token === undefined) return;
  try {
    await session.signIn({ token });
  } catch (e) {
    linkFailure = e;
    await session.resume(); // a used link in a browser that is signed in leads on
  }
}

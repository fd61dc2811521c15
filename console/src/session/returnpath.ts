/** Where one lands after signing in without having wanted a page. */
export const home = "/console/";

/**
 * The page to go to after signing in. Anything but a path of this console is home: a
 * link must not lead from a sign-in to somewhere else.
 */
export function safeReturnPath(wanted: string | null | undefined): string {
  if (!wanted || !/^\/(?![/\\])/.test(wanted)) return home;
  let url: URL;
  try {
    url = new URL(wanted, location.origin);
  } catch {
    return home;
  }
  if (url.origin !== location.origin) return home;
  const known = url.pathname.startsWith(home) || url.pathname === "/agent";
  if (!known || url.pathname === signInPath) return home;
  return url.pathname + url.search + url.hash;
}

export const signInPath = "/console/sign-in";

/** The address of the sign-in page that leads on to a page. */
export function signInFor(wanted: { pathname: string; search: string; hash?: string }): string {
  const path = wanted.pathname + wanted.search + (wanted.hash ?? "");
  return path === "" || path === home || path === signInPath ? signInPath : `${signInPath}?next=${encodeURIComponent(path)}`;
}

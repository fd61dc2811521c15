import { recall, remember } from "../preferences/storage";

/** Temporary credentials, as POST /console/session answers them. They are kept in memory only. */
interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiration: string;
}

/** Who is signed in, where, and with what API calls are signed. */
export interface Session {
  principal: { arn: string; name: string };
  accountId: string;
  region: string;
  credentials: Credentials;
  /** When it ends whatever happens. */
  expires: string;
}

/** What one signs in with. */
export type Proof =
  | { userName: string; password: string }
  | { accessKeyId: string; secretAccessKey: string }
  | { token: string };

/** Why nobody is signed in: never was, chose to leave, or stayed away too long. */
export type Absence = "none" | "signedOut" | "expired";

export type State = { phase: "resuming" } | { phase: "absent"; why: Absence } | { phase: "present"; session: Session };

/** A refusal of the session's own endpoints; code is as the server gives it. */
export class SessionError extends Error {
  readonly code: string;
  /** Seconds until another try is worth it; of TooManyAttempts. */
  readonly retryAfter: number | undefined;

  constructor(code: string, message: string, retryAfter?: number) {
    super(message);
    this.name = "SessionError";
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** Nobody is signed in: a call that needs credentials cannot be made. */
export class NotSignedIn extends Error {
  constructor() {
    super("Nobody is signed in");
    this.name = "NotSignedIn";
  }
}

/** Credentials are renewed when they live no longer than this many milliseconds. */
export const renewBefore = 5 * 60_000;

const path = "/console/session";

/** Says in this browser that there may be a session to take up, so that who never signed in is not asked about one. */
const hint = "kindred.session";

/** What the sessions of several tabs tell each other. */
type News = "signedOut" | "signedIn";

/**
 * The session of this tab: a cookie that no script can read, and the temporary
 * credentials that the server gives for it. It tells listeners when it changes, and
 * the other tabs when somebody signs in or out.
 */
export class SessionKeeper {
  #state: State = { phase: "resuming" };
  #listeners = new Set<() => void>();
  #renewal: Promise<Session> | undefined;
  #channel: BroadcastChannel | undefined;
  #now: () => number;
  #fetch: typeof fetch;

  constructor(options: { fetch?: typeof fetch; now?: () => number; channel?: BroadcastChannel } = {}) {
    this.#fetch = options.fetch ?? ((...args) => fetch(...args));
    this.#now = options.now ?? Date.now;
    this.#channel = options.channel;
    this.#channel?.addEventListener("message", (e: MessageEvent<News>) => {
      if (e.data === "signedOut" && this.#state.phase === "present") this.#set({ phase: "absent", why: "signedOut" });
      if (e.data === "signedIn" && this.#state.phase === "absent") void this.resume();
    });
  }

  get state(): State {
    return this.#state;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Takes up the session that the browser's cookie stands for, if there is one. */
  async resume(): Promise<void> {
    if (recall(hint) !== true) return this.#set({ phase: "absent", why: this.#state.phase === "absent" ? this.#state.why : "none" });
    try {
      await this.#renew();
    } catch (e) {
      // A server that cannot be reached shows when one signs in.
      if (this.#state.phase !== "present") this.#set({ phase: "absent", why: e instanceof NotSignedIn && this.#state.phase === "absent" ? this.#state.why : "none" });
    }
  }

  /** Signs in. Refusals are {@link SessionError}s. */
  async signIn(proof: Proof): Promise<void> {
    const session = await this.#call("POST", path, proof);
    this.#remember(true);
    this.#set({ phase: "present", session });
    this.#tell("signedIn");
  }

  /** Ends the session here, in the other tabs, and on the server, where its credentials are dead from then on. */
  async signOut(): Promise<void> {
    try {
      await this.#call("DELETE", path);
    } finally {
      this.#remember(false);
      this.#set({ phase: "absent", why: "signedOut" });
      this.#tell("signedOut");
    }
  }

  /** Credentials that live for a while yet: those there are, or new ones. Rejects with {@link NotSignedIn} when the session has ended. */
  async credentials(): Promise<Credentials & { expires: Date }> {
    if (this.#state.phase !== "present") throw new NotSignedIn();
    let { session } = this.#state;
    if (this.#dying(session)) session = await this.#renew();
    return { ...session.credentials, expires: new Date(session.credentials.expiration) };
  }

  /** Renews credentials that are about to end; for somebody who works on a page without calling the API. */
  async keepAlive(): Promise<void> {
    if (this.#state.phase === "present" && this.#dying(this.#state.session)) await this.#renew();
  }

  /** Gets new credentials after the server refused those there are. Rejects with {@link NotSignedIn} when the session has ended. */
  async refused(): Promise<void> {
    await this.#renew();
  }

  #dying(s: Session): boolean {
    return Date.parse(s.credentials.expiration) - this.#now() <= renewBefore;
  }

  #renew(): Promise<Session> {
    this.#renewal ??= this.#call("POST", path + "/renew", {})
      .then((session) => {
        this.#set({ phase: "present", session });
        return session;
      })
      .catch((e: unknown) => {
        if (!(e instanceof SessionError) || e.code !== "NotSignedIn") throw e;
        this.#remember(false);
        if (this.#state.phase === "present") this.#set({ phase: "absent", why: "expired" });
        throw new NotSignedIn();
      })
      .finally(() => {
        this.#renewal = undefined;
      });
    return this.#renewal;
  }

  async #call(method: "POST", path: string, body: object): Promise<Session>;
  async #call(method: "DELETE", path: string): Promise<void>;
  async #call(method: string, path: string, body?: object): Promise<Session | void> {
    const answer = await this.#fetch(path, {
      method,
      headers: { "X-Kindred-Console": "1", ...(body && { "Content-Type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
      credentials: "same-origin",
      cache: "no-store",
    });
    if (answer.status === 204) return;
    const json: unknown = await answer.json().catch(() => ({}));
    if (answer.ok) return json as Session;
    const { code = "", message = "" } = json as { code?: string; message?: string };
    const after = Number(answer.headers.get("Retry-After"));
    throw new SessionError(code, message, after > 0 ? after : undefined);
  }

  #set(state: State): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener();
  }

  #remember(signedIn: boolean): void {
    if (recall(hint) !== signedIn) remember(hint, signedIn);
  }

  #tell(news: News): void {
    this.#channel?.postMessage(news);
  }
}

/** The session of this tab. */
export const session = new SessionKeeper({ channel: new BroadcastChannel("kindred-session") });

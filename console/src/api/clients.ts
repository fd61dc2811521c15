import { session } from "../session/session";
import { isDead } from "./errors";

/** What every client is made with: this server, and credentials of the session. */
export interface ClientConfig {
  region: string;
  endpoint: string;
  credentials: () => Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken: string; expiration: Date }>;
}

let clients = new Map<unknown, unknown>();
let owner = "";

// Clients keep credentials until they expire, so they go with the session, or with
// those credentials if the server refuses them.
session.subscribe(() => {
  const { state } = session;
  const now = state.phase === "present" ? state.session.principal.arn : "";
  if (now !== owner) forgetClients();
  owner = now;
});

/** Makes every client anew when it is next wanted. */
export function forgetClients(): void {
  clients = new Map();
}

/**
 * Passes on the error of a call. If it is that the server does not know the
 * credentials any more (it was restarted, or the session ended elsewhere), they are
 * exchanged first, so that a second try succeeds, or the session is seen to be over.
 */
export async function refusal(e: unknown): Promise<unknown> {
  if (isDead(e)) {
    try {
      await session.refused();
      forgetClients();
    } catch {
      // There is no session any more, which the tab knows by now; or the server
      // cannot be reached, and then the error of the call says enough.
    }
  }
  return e;
}

/** The part of the SDK's clients by which every call can be watched. */
interface Watchable {
  middlewareStack: { add: (middleware: (next: (args: object) => Promise<object>) => (args: object) => Promise<object>, options: { step: "initialize"; name: string; priority: "high" }) => void };
}

/** Lets {@link refusal} see the errors of a client of the SDK. */
function watch(client: Watchable): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (e) {
        throw await refusal(e);
      }
    },
    { step: "initialize", name: "kindredSession", priority: "high" },
  );
}

/**
 * The client of a service for the present session. Each service has a module beside
 * this one, which pages import, so that a client is loaded with the first page that
 * needs it.
 */
export function clientOf<C>(Client: new (config: ClientConfig) => C): C {
  let client = clients.get(Client) as C | undefined;
  if (!client) {
    const { state } = session;
    client = new Client({
      region: state.phase === "present" ? state.session.region : "us-east-1",
      endpoint: location.origin,
      credentials: async () => {
        const { expires, accessKeyId, secretAccessKey, sessionToken } = await session.credentials();
        return { accessKeyId, secretAccessKey, sessionToken, expiration: expires };
      },
    });
    if (typeof client === "object" && client !== null && "middlewareStack" in client) watch(client as unknown as Watchable);
    clients.set(Client, client);
  }
  return client;
}

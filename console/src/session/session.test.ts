import { beforeEach, describe, expect, it } from "vitest";
import { NotSignedIn, type Session, SessionKeeper, renewBefore } from "./session";

const minutes = 60_000;

/** A server for sessions, and a browser whose clock stands at now. */
class World {
  now = Date.parse("2026-01-01T00:00:00Z");
  signedIn = false;
  issued = 0;
  calls: string[] = [];

  fetch: typeof fetch = async (input, init = {}) => {
    const { method = "GET", headers, body } = init;
    this.calls.push(`${method} ${String(input)}`);
    expect((headers as Record<string, string>)["X-Kindred-Console"]).toBe("1");
    if (method === "DELETE") {
      this.signedIn = false;
      return new Response(null, { status: 204 });
    }
    if (String(input).endsWith("/renew")) {
      if (!this.signedIn) return Response.json({ code: "NotSignedIn", message: "no session" }, { status: 401 });
      return Response.json(this.session());
    }
    const proof = JSON.parse(String(body)) as { password?: string };
    if (proof.password === "flood") return Response.json({ code: "TooManyAttempts", message: "slow down" }, { status: 429, headers: { "Retry-After": "7" } });
    if (proof.password !== "right") return Response.json({ code: "SignInFailed", message: "no" }, { status: 401 });
    this.signedIn = true;
    return Response.json(this.session());
  };

  session(): Session {
    this.issued++;
    const expiration = new Date(this.now + 15 * minutes).toISOString();
    return {
      principal: { arn: "arn:aws:iam::000000000000:user/u", name: "u" },
      accountId: "000000000000",
      region: "us-east-1",
      credentials: { accessKeyId: `ASIA${this.issued}`, secretAccessKey: "s", sessionToken: "t", expiration },
      expires: new Date(this.now + 720 * minutes).toISOString(),
    };
  }

  keeper(): SessionKeeper {
    return new SessionKeeper({ fetch: this.fetch, now: () => this.now });
  }
}

const right = { userName: "u", password: "right" };

describe("a session", () => {
  beforeEach(() => localStorage.clear());

  it("is not asked for in a browser in which nobody signed in", async () => {
    const world = new World();
    const keeper = world.keeper();
    await keeper.resume();
    expect(keeper.state).toEqual({ phase: "absent", why: "none" });
    expect(world.calls).toEqual([]);
  });

  it("is taken up after a reload", async () => {
    const world = new World();
    await world.keeper().signIn(right);
    const again = world.keeper();
    await again.resume();
    expect(again.state.phase).toBe("present");
    expect(world.calls.at(-1)).toBe("POST /console/session/renew");
  });

  it("keeps no credentials outside of memory", async () => {
    await new World().keeper().signIn(right);
    expect(Object.entries({ ...localStorage, ...sessionStorage })).toEqual([["kindred.session", "true"]]);
  });

  it("renews credentials before they end, once for all who wait", async () => {
    const world = new World();
    const keeper = world.keeper();
    await keeper.signIn(right);
    expect((await keeper.credentials()).accessKeyId).toBe("ASIA1");
    world.now += 15 * minutes - renewBefore;
    const all = await Promise.all([keeper.credentials(), keeper.credentials(), keeper.keepAlive()]);
    expect(all[0].accessKeyId).toBe("ASIA2");
    expect(all[1].accessKeyId).toBe("ASIA2");
    expect(world.issued).toBe(2);
  });

  it("is over when the server says so, and then gives no credentials", async () => {
    const world = new World();
    const keeper = world.keeper();
    await keeper.signIn(right);
    let told = 0;
    keeper.subscribe(() => told++);
    world.signedIn = false;
    world.now += 20 * minutes;
    await expect(keeper.credentials()).rejects.toBeInstanceOf(NotSignedIn);
    expect(keeper.state).toEqual({ phase: "absent", why: "expired" });
    expect(told).toBe(1);
    await expect(keeper.credentials()).rejects.toBeInstanceOf(NotSignedIn);
  });

  it("survives a server that cannot be reached for a moment", async () => {
    const world = new World();
    const keeper = world.keeper();
    await keeper.signIn(right);
    const { fetch } = world;
    const broken = new SessionKeeper({ fetch: (...args) => (world.issued > 1 ? Promise.reject(new TypeError("Failed to fetch")) : fetch(...args)), now: () => world.now });
    await broken.resume();
    world.now += 20 * minutes;
    await expect(broken.credentials()).rejects.toBeInstanceOf(TypeError);
    expect(broken.state.phase).toBe("present");
  });

  it("ends on the server too", async () => {
    const world = new World();
    const keeper = world.keeper();
    await keeper.signIn(right);
    await keeper.signOut();
    expect(keeper.state).toEqual({ phase: "absent", why: "signedOut" });
    expect(world.signedIn).toBe(false);
  });

  it("says why one cannot sign in", async () => {
    const keeper = new World().keeper();
    await expect(keeper.signIn({ ...right, password: "wrong" })).rejects.toMatchObject({ code: "SignInFailed" });
    await expect(keeper.signIn({ ...right, password: "flood" })).rejects.toMatchObject({ code: "TooManyAttempts", retryAfter: 7 });
    expect(keeper.state.phase).not.toBe("present");
  });
});

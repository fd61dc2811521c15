import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Outcome, type Progress, type Send, Upload, callsAtOnce } from "./engine";
import { FileFault } from "./records";

const file = (records: number, text = (i: number) => `{"n":${i}}`): File => new File([Array.from({ length: records }, (_, i) => text(i) + "\n").join("")], "x.jsonl");

const taken: Outcome = { reason: "", code: 200 };
const takeAll: Send = async (records) => records.map(() => taken);
const number = (record: string): number => (JSON.parse(record) as { n: number }).n;

function upload(f: File, send: Send, inOrder = false): Upload {
  return new Upload({ file: f, send, inOrder, problem: (r) => `unsendable: ${r.problem}` });
}

const failure = (status: number, name = "X"): Error => Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status } });

const until = (u: Upload, is: (p: Progress) => boolean): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => void (is(u.progress) && resolve());
    u.subscribe(look);
    look();
  });

describe("an upload", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Lets every wait pass at once. */
  const run = async (u: Upload): Promise<Progress> => {
    const running = u.run();
    while (u.progress.phase !== "done" && u.progress.phase !== "cancelled") await vi.advanceTimersByTimeAsync(10_000);
    await running;
    return u.progress;
  };

  it("sends every record once, in batches, and only so many at once", async () => {
    let now = 0;
    let most = 0;
    const sent: number[] = [];
    const u = upload(file(95), async (records) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 100)); // of the clock that is not the real one
      now--;
      expect(records.length).toBeLessThanOrEqual(10);
      sent.push(...records.map(number));
      return records.map(() => taken);
    });
    expect(await run(u)).toMatchObject({ phase: "done", taken: 95, refused: 0, done: u.file.size });
    expect(sent.sort((a, b) => a - b)).toEqual(Array.from({ length: 95 }, (_, i) => i));
    expect(most).toBe(callsAtOnce);
  });

  it("keeps the order if it is to", async () => {
    const sent: number[] = [];
    await run(upload(file(55), async (records) => (sent.push(...records.map(number)), records.map(() => taken)), true));
    expect(sent).toEqual(Array.from({ length: 55 }, (_, i) => i));
  });

  it("counts what is refused by reason, and gives it back", async () => {
    const f = new File(['[{"n":0},\n{"n": 1,\n "x": 12345678901234567890}, {"n":2}, {"n":3}]'], "x.json");
    const u = upload(f, async (records) => records.map((r) => (number(r) === 0 ? taken : { reason: `no good (at byte ${number(r)})`, code: 400 })));
    expect(await run(u)).toMatchObject({ phase: "done", taken: 1, refused: 3, reasons: [{ reason: "no good", count: 3, first: 2 }] });
    expect(await (await u.refusedRecords()).text()).toBe('{"n":1,"x":12345678901234567890}\n{"n":2}\n{"n":3}\n');
    expect((await u.refusals().text()).split("\n")[0]).toBe('{"Record":2,"Start":10,"End":46,"Reason":"no good"}');
  });

  it("does not send what is too large, and says so", async () => {
    const f = file(3, (i) => (i === 1 ? `{"n":"${"x".repeat(300_000)}"}` : `{"n":${i}}`));
    const sent: number[] = [];
    const u = upload(f, async (records) => (sent.push(...records.map(number)), records.map(() => taken)));
    expect(await run(u)).toMatchObject({ taken: 2, refused: 1, reasons: [{ reason: "unsendable: tooLarge", count: 1, first: 2 }] });
    expect(sent).toEqual([0, 2]);
  });

  it("tries again what was turned away for now, and all after it", async () => {
    const calls: number[][] = [];
    const u = upload(
      file(4),
      async (records) => {
        const batch = records.map(number);
        calls.push(batch);
        if (calls.length === 1) throw failure(429);
        if (calls.length === 2) throw new TypeError("Failed to fetch");
        return batch.map((n) => (calls.length === 3 && n === 2 ? { reason: "busy", code: 429 } : taken));
      },
      true,
    );
    expect(await run(u)).toMatchObject({ phase: "done", taken: 4, refused: 0 });
    expect(calls).toEqual([[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3], [2, 3]]);
  });

  it("gives a record up that is always turned away", async () => {
    const u = upload(file(2), async (records) => records.map((r) => (number(r) === 0 ? { reason: "busy", code: 500 } : taken)));
    expect(await run(u)).toMatchObject({ phase: "done", taken: 1, refused: 1, reasons: [{ reason: "busy", count: 1, first: 1 }] });
  });

  it("stops for an error, says which, and goes on with what it was at", async () => {
    let denied = true;
    const calls: number[][] = [];
    const u = upload(
      file(25),
      async (records) => {
        calls.push(records.map(number));
        if (denied) throw failure(403, "AccessDeniedException");
        return records.map(() => taken);
      },
      true,
    );
    const running = u.run();
    await until(u, (p) => p.phase === "paused");
    expect(u.progress.error).toMatchObject({ name: "AccessDeniedException" });
    denied = false;
    u.resume();
    await running;
    expect(u.progress).toMatchObject({ phase: "done", taken: 25, error: undefined });
    expect(calls.map((c) => c[0])).toEqual([0, 0, 10, 20]);
  });

  it("stops for a server that stays away", async () => {
    let away = true;
    const u = upload(file(3), async (records) => {
      if (away) throw new TypeError("Failed to fetch");
      return takeAll(records, new AbortController().signal);
    });
    const running = u.run();
    while (u.progress.phase === "running") await vi.advanceTimersByTimeAsync(10_000);
    expect(u.progress).toMatchObject({ phase: "paused", taken: 0 });
    away = false;
    u.resume();
    await running;
    expect(u.progress).toMatchObject({ phase: "done", taken: 3 });
  });

  it("rests while it is paused", async () => {
    let calls = 0;
    const u = upload(
      file(100),
      async (records) => {
        if (++calls === 2) u.pause();
        return records.map(() => taken);
      },
      true,
    );
    const running = u.run();
    await until(u, (p) => p.phase === "paused" && p.taken === 20);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls).toBe(2);
    u.resume();
    await running;
    expect(u.progress).toMatchObject({ phase: "done", taken: 100 });
  });

  it("ends when it is cancelled, also out of a pause", async () => {
    const u = upload(file(1000), async (records) => (u.cancel(), records.map(() => taken)), true);
    expect((await run(u)).phase).toBe("cancelled");
    expect(u.progress.taken).toBeLessThanOrEqual(10);

    const paused = upload(file(10), takeAll);
    paused.pause();
    const running = paused.run();
    paused.cancel();
    await running;
    expect(paused.progress).toMatchObject({ phase: "cancelled", taken: 0 });
  });

  it("ends where the file cannot be read on, and keeps what was before", async () => {
    const u = upload(new File(['[{"n":0}, {"n":1} x]'], "x.json"), takeAll);
    const p = await run(u);
    expect(p).toMatchObject({ phase: "done", taken: 2 });
    expect(p.error).toBeInstanceOf(FileFault);
  });

  it("of an empty file is done at once", async () => {
    expect(await run(upload(new File([""], "x.json"), takeAll))).toMatchObject({ phase: "done", taken: 0, refused: 0 });
  });
});

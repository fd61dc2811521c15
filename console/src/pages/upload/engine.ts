import { compactJson, parseJson } from "../../components/json";
import { FileFault, type FileRecord, readRecords } from "./records";

/** What became of one record that was sent. */
export interface Outcome {
  /** Why it was refused; empty if it was taken. */
  reason: string;
  /** As an HTTP status. */
  code: number;
}

/** Sends records; an error says that nothing is known of them. */
export type Send = (records: readonly string[], signal: AbortSignal) => Promise<readonly Outcome[]>;

/** Why records were refused, and how many. */
export interface Reason {
  reason: string;
  count: number;
  /** The number of the first of them in the file. */
  first: number;
}

export type Phase = "running" | "paused" | "stopping" | "done" | "cancelled";

/** How far an upload is. */
export interface Progress {
  phase: Phase;
  /** Bytes of the file that have been dealt with, and all of them. */
  done: number;
  size: number;
  /** Records that were taken in, that were refused, and why. */
  taken: number;
  refused: number;
  reasons: readonly Reason[];
  /** What stopped it: it goes on when it is told to, with what it was at. When it is done, why the file could not be read to its end. */
  error: unknown;
  /** Milliseconds that it was at work. */
  worked: number;
}

/** Records of one call, and calls at once. */
export const batchRecords = 10;
const batchBytes = 1 << 20;
export const callsAtOnce = 4;

/** Waits between tries double from the first to the last, each with a random half; after so many the upload stops and says why. */
const firstWait = 200;
const lastWait = 10_000;
const tries = 8;

/** Reasons that are told apart. */
const mostReasons = 100;
const otherReasons = "";

/** Where a record is by which it was refused makes reasons differ that are the same. */
const position = / \(at byte \d+\)/g;

interface Batch {
  records: FileRecord[];
  bytes: number;
  /** How much of the file has been dealt with when this and all before it have. */
  read: number;
  done: boolean;
}

/** One upload of a file. */
export class Upload {
  readonly file: File;
  readonly #send: Send;
  readonly #say: (record: FileRecord) => string;
  readonly #workers: number;
  readonly #cancel = new AbortController();
  readonly #listeners = new Set<() => void>();
  #progress: Progress;
  // Where refused records lie in the file, and why: their texts stay there.
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #numbers: number[] = [];
  readonly #why: number[] = [];
  readonly #reasons: Reason[] = [];
  readonly #order: Batch[] = []; // what is under way, in the order of the file
  #gate: Promise<void> | undefined;
  #open: () => void = () => undefined;
  #since: number;
  #worked = 0;

  /**
   * Begins to upload. With inOrder a record is sent when all before it have been;
   * otherwise several calls are made at once. problem says why a record cannot be sent.
   */
  constructor(options: { file: File; send: Send; inOrder: boolean; problem: (record: FileRecord) => string }) {
    this.file = options.file;
    this.#send = options.send;
    this.#say = options.problem;
    this.#workers = options.inOrder ? 1 : callsAtOnce;
    this.#since = performance.now();
    this.#progress = { phase: "running", done: 0, size: options.file.size, taken: 0, refused: 0, reasons: [], error: undefined, worked: 0 };
  }

  /** How far it is. The value changes as a whole. */
  get progress(): Progress {
    return this.#progress;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Does it; ends when the upload has, one way or another. A file that cannot be read on ends it, with what was before taken in. */
  async run(): Promise<void> {
    const batches = this.#batches();
    let fault: unknown;
    const work = async (): Promise<void> => {
      for (;;) {
        await this.#gate;
        const next = await batches.next().catch((e: unknown) => {
          fault = e;
          return undefined;
        });
        if (!next || next.done || this.#cancel.signal.aborted) return;
        await this.#put(next.value);
      }
    };
    await Promise.all(Array.from({ length: this.#workers }, work));
    const cancelled = this.#cancel.signal.aborted;
    const done = cancelled || fault ? this.#progress.done : this.#progress.size;
    this.#change({ phase: cancelled ? "cancelled" : "done", done, error: fault });
  }

  pause(): void {
    if (this.#progress.phase === "running") this.#stop(undefined);
  }

  /** Goes on after a pause or an error. */
  resume(): void {
    if (this.#progress.phase !== "paused") return;
    this.#since = performance.now();
    this.#change({ phase: "running", error: undefined });
    this.#gate = undefined;
    this.#open();
  }

  /** Ends it; what was taken in stays. */
  cancel(): void {
    if (this.#progress.phase !== "running" && this.#progress.phase !== "paused") return;
    this.#cancel.abort();
    this.#change({ phase: "stopping" });
    this.#gate = undefined;
    this.#open();
  }

  /** The refused records, one on a line, as they can be uploaded again. */
  async refusedRecords(): Promise<Blob> {
    const lines: string[] = [];
    for (let i = 0; i < this.#starts.length; i++) {
      const text = await this.file.slice(this.#starts[i], this.#ends[i]).text();
      lines.push(oneLine(text) + "\n");
    }
    return new Blob(lines, { type: "application/x-ndjson" });
  }

  /** For each refused record its number in the file, where it lies there, and why it was refused. */
  refusals(): Blob {
    const lines = this.#numbers.map((record, i) => JSON.stringify({ Record: record, Start: this.#starts[i], End: this.#ends[i], Reason: this.#reasons[this.#why[i] ?? 0]?.reason }) + "\n");
    return new Blob(lines, { type: "application/x-ndjson" });
  }

  async *#batches(): AsyncGenerator<Batch, void> {
    const empty = (): Batch => ({ records: [], bytes: 0, read: 0, done: false });
    let batch = empty();
    let fault: unknown;
    try {
      for await (const records of readRecords(this.file)) {
        if (this.#cancel.signal.aborted) return;
        for (const record of records) {
          batch.records.push(record);
          batch.bytes += record.end - record.start;
          batch.read = record.end;
          if (batch.records.length < batchRecords && batch.bytes < batchBytes) continue;
          yield this.#under(batch);
          batch = empty();
        }
      }
    } catch (e) {
      fault = e; // after what was read before it
    }
    if (batch.records.length > 0) yield this.#under(batch);
    if (fault) throw fault;
  }

  #under(batch: Batch): Batch {
    this.#order.push(batch);
    return batch;
  }

  async #put(batch: Batch): Promise<void> {
    const sendable = batch.records.filter((r) => r.text !== undefined);
    const outcomes = new Map<FileRecord, Outcome>();
    for (const r of batch.records) if (r.text === undefined) outcomes.set(r, { reason: this.#say(r), code: 400 });
    let left = sendable;
    for (let failures = 0; left.length > 0; ) {
      if (this.#cancel.signal.aborted) return;
      try {
        const answers = await this.#send(left.map((r) => r.text ?? ""), this.#cancel.signal);
        left.forEach((r, i) => outcomes.set(r, answers[i] ?? { reason: "", code: 200 }));
        // From the first that was turned away for now all go again, so that none overtakes it.
        const again = answers.findIndex(({ code }) => code === 429 || code >= 500);
        if (again < 0) break;
        left = left.slice(again);
        if (++failures >= tries) break; // they stay refused, with the reason that they were given
        await this.#wait(failures);
      } catch (e) {
        if (this.#cancel.signal.aborted) return;
        if (isTemporary(e) && ++failures < tries) await this.#wait(failures);
        else {
          failures = 0;
          this.#stop(e);
          await this.#gate;
        }
      }
    }
    this.#commit(batch, outcomes);
  }

  #commit(batch: Batch, outcomes: ReadonlyMap<FileRecord, Outcome>): void {
    let { taken, refused, done } = this.#progress;
    for (const [record, { reason, code }] of outcomes) {
      if (code < 300) taken++;
      else {
        refused++;
        this.#refuse(record, reason);
      }
    }
    batch.done = true;
    while (this.#order[0]?.done) done = this.#order.shift()?.read ?? done;
    this.#change({ taken, refused, done, reasons: [...this.#reasons] });
  }

  #refuse(record: FileRecord, given: string): void {
    let reason = given.replace(position, "");
    let at = this.#reasons.findIndex((r) => r.reason === reason);
    if (at < 0 && this.#reasons.length >= mostReasons) {
      reason = otherReasons;
      at = this.#reasons.findIndex((r) => r.reason === reason);
    }
    if (at < 0) at = this.#reasons.push({ reason, count: 0, first: record.number }) - 1;
    const known = this.#reasons[at];
    if (known) this.#reasons[at] = { ...known, count: known.count + 1, first: Math.min(known.first, record.number) };
    this.#starts.push(record.start);
    this.#ends.push(record.end);
    this.#numbers.push(record.number);
    this.#why.push(at);
  }

  #wait(failures: number): Promise<void> {
    const longest = Math.min(firstWait * 2 ** (failures - 1), lastWait);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, longest / 2 + (Math.random() * longest) / 2);
      this.#cancel.signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
  }

  #stop(error: unknown): void {
    this.#gate ??= new Promise((resolve) => {
      this.#open = resolve;
    });
    this.#worked += performance.now() - this.#since;
    this.#since = performance.now();
    this.#change({ phase: "paused", error: error ?? this.#progress.error });
  }

  #change(some: Partial<Progress>): void {
    const now = performance.now();
    if (this.#progress.phase === "running") {
      this.#worked += now - this.#since;
      this.#since = now;
    }
    this.#progress = { ...this.#progress, ...some, worked: this.#worked };
    for (const listener of this.#listeners) listener();
  }
}

/** Whether a call may succeed when it is made again by itself. */
function isTemporary(e: unknown): boolean {
  if (e instanceof FileFault || !(e instanceof Error)) return false;
  const status = (e as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  return status === undefined ? e instanceof TypeError || e.name === "TimeoutError" : status === 429 || status >= 500;
}

/** A record on one line. Line ends are blanks in JSON; in what is none they become blanks, too. */
function oneLine(text: string): string {
  if (!/[\n\r]/.test(text)) return text;
  return "value" in parseJson(text) ? compactJson(text) : text.replace(/[\n\r]/g, " ");
}

/**
 * Reads the records of a file as the command kindred ingest does: one JSON object, an
 * array of them, objects one after the other, or one on each line. What is between
 * the brackets of a record is not judged: one that is not valid is refused for what
 * it is, alone. Memory holds a piece of the file and one record, whatever its size.
 */

/** Bytes of a record that the server takes. */
export const maxRecord = 256_000;

/** How a file is written: a value on each line, or values by their brackets. */
export type Format = "lines" | "values";

/** A record of a file. */
export interface FileRecord {
  /** In the file, from 1. */
  number: number;
  /** Where it lies in the file, in bytes. */
  start: number;
  end: number;
  /** The text, if it can be sent. */
  text?: string;
  /** Why it cannot. */
  problem?: "tooLarge" | "notUtf8";
}

/** Why a file cannot be read on, and where. */
export class FileFault extends Error {
  readonly rule: "utf16" | "notJson" | "endsInRecord" | "endsInArray" | "afterArray" | "comma" | "element";
  readonly at: number;

  constructor(rule: FileFault["rule"], at: number) {
    super(rule);
    this.rule = rule;
    this.at = at;
  }
}

const [quote, backslash, comma, newline] = [0x22, 0x5c, 0x2c, 0x0a];
const [openObject, closeObject, openArray, closeArray] = [0x7b, 0x7d, 0x5b, 0x5d];

const isBlank = (b: number): boolean => b === 0x20 || b === 0x09 || b === 0x0d || b === newline;

/** How much of a file is looked at to find how it is written. */
const headBytes = 64 << 10;

/** Finds how a file is written, and where its first byte is. */
export async function formatOf(file: File): Promise<{ format: Format; start: number }> {
  const head = new Uint8Array(await file.slice(0, headBytes).arrayBuffer());
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) throw new FileFault("utf16", 0);
  const start = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
  if (/\.(?:jsonl|ndjson)$/i.test(file.name)) return { format: "lines", start };
  let at = start;
  while (at < head.length && isBlank(head[at] ?? 0)) at++;
  if (at === head.length || head[at] === openArray) return { format: "values", start };
  if (head[at] !== openObject) throw new FileFault("notJson", at);
  // A whole object on the first line: lines, of which one that is malformed does not spoil the rest.
  const end = head.indexOf(newline, at);
  return { format: isValue(head.subarray(at, end < 0 ? head.length : end)) ? "lines" : "values", start };
}

/** Follows JSON by its quotes and brackets, and finds where a value ends. */
class Scan {
  #depth = 0;
  #inside = false;
  #escaped = false;
  #scalar = false;

  /** Takes a byte: whether the value ends with it, or has ended before it. */
  step(b: number): "goesOn" | "ends" | "ended" {
    if (this.#inside) {
      if (this.#escaped) this.#escaped = false;
      else if (b === backslash) this.#escaped = true;
      else if (b === quote) {
        this.#inside = false;
        if (this.#depth === 0) return "ends";
      }
      return "goesOn";
    }
    const bracket = b === openObject || b === openArray || b === closeObject || b === closeArray;
    if (this.#scalar) return isBlank(b) || b === comma || bracket || b === quote ? "ended" : "goesOn";
    if (b === quote) this.#inside = true;
    else if (b === openObject || b === openArray) this.#depth++;
    else if (b === closeObject || b === closeArray) {
      this.#depth--;
      if (this.#depth <= 0) return "ends";
    } else this.#scalar = this.#depth === 0 && !isBlank(b);
    return "goesOn";
  }

  /** A number or word ends with the text. */
  get mayEnd(): boolean {
    return this.#scalar;
  }
}

function isValue(bytes: Uint8Array): boolean {
  let last = bytes.length - 1;
  while (last >= 0 && isBlank(bytes[last] ?? 0)) last--;
  const scan = new Scan();
  for (let i = 0; i <= last; i++) if (scan.step(bytes[i] ?? 0) === "ends") return i === last;
  return false;
}

/** The bytes of a record, as long as they are few enough. */
class Held {
  #parts: Uint8Array[] = [];
  #size = 0;

  add(bytes: Uint8Array): void {
    this.#size += bytes.length;
    if (this.#size <= maxRecord) this.#parts.push(bytes);
    else this.#parts = [];
  }

  /** The record, and nothing held any more. */
  take(number: number, start: number, end: number): FileRecord {
    const record: FileRecord = { number, start, end };
    if (this.#size > maxRecord) record.problem = "tooLarge";
    else {
      try {
        const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
        record.text = this.#parts.map((p) => decoder.decode(p, { stream: true })).join("") + decoder.decode();
      } catch {
        record.problem = "notUtf8";
      }
    }
    this.#parts = [];
    this.#size = 0;
    return record;
  }
}

/** A splitter takes the pieces of a file one after the other, and adds the records that end in each, those before a fault too. */
interface Splitter {
  piece: (bytes: Uint8Array, records: FileRecord[]) => void;
  end: (records: FileRecord[]) => void;
}

class Lines implements Splitter {
  #offset: number;
  // Of the record in the line: its first byte, and where its last one ends.
  #start = -1;
  #last = 0;
  #number = 0;
  readonly #held = new Held();

  constructor(start: number) {
    this.#offset = start;
  }

  piece(bytes: Uint8Array, records: FileRecord[]): void {
    for (let at = 0; at < bytes.length; ) {
      const found = bytes.indexOf(newline, at);
      const end = found < 0 ? bytes.length : found;
      this.#add(bytes.subarray(at, end));
      if (found < 0) break;
      this.end(records);
      this.#offset++;
      at = end + 1;
    }
  }

  end(records: FileRecord[]): void {
    if (this.#start < 0) return;
    const record = this.#held.take(++this.#number, this.#start, this.#last);
    if (record.text !== undefined) record.text = record.text.replace(/[ \t\r]+$/, "");
    this.#start = -1;
    records.push(record);
  }

  #add(bytes: Uint8Array): void {
    let first = 0;
    if (this.#start < 0) while (first < bytes.length && isBlank(bytes[first] ?? 0)) first++;
    let last = bytes.length;
    while (last > first && isBlank(bytes[last - 1] ?? 0)) last--;
    if (last > first) {
      if (this.#start < 0) this.#start = this.#offset + first;
      this.#last = this.#offset + last;
    }
    if (this.#start >= 0) this.#held.add(bytes.subarray(first));
    this.#offset += bytes.length;
  }
}

class Values implements Splitter {
  #offset: number;
  #number = 0;
  #state: "first" | "between" | "value" | "after" | "element" | "ended" = "first";
  #array = false;
  #start = 0;
  #scan = new Scan();
  readonly #held = new Held();

  constructor(start: number) {
    this.#offset = start;
  }

  piece(bytes: Uint8Array, records: FileRecord[]): void {
    let from = 0; // where the value that goes on begins in this piece
    for (let i = 0; i < bytes.length; i++) {
      const b = bytes[i] ?? 0;
      if (this.#state === "value") {
        const step = this.#scan.step(b);
        if (step === "goesOn") continue;
        const end = step === "ends" ? i + 1 : i;
        this.#held.add(bytes.subarray(from, end));
        records.push(this.#held.take(++this.#number, this.#start, this.#offset + end));
        this.#state = this.#array ? "after" : "between";
        if (step === "ends") continue;
      }
      if (isBlank(b)) continue;
      if (!this.#between(b, this.#offset + i)) continue;
      this.#state = "value";
      this.#start = this.#offset + i;
      this.#scan = new Scan();
      from = i;
      i--; // the value takes its first byte
    }
    if (this.#state === "value") this.#held.add(bytes.subarray(from));
    this.#offset += bytes.length;
  }

  /** Takes a byte outside of values; whether one begins with it. */
  #between(b: number, at: number): boolean {
    switch (this.#state) {
      case "first":
        if (b !== openArray) return true;
        this.#array = true;
        this.#state = "element";
        return false;
      case "after":
        if (b === comma) this.#state = "element";
        else if (b === closeArray) this.#state = "ended";
        else throw new FileFault("comma", at);
        return false;
      case "element":
        if (b === closeArray && this.#number === 0) {
          this.#state = "ended";
          return false;
        }
        if (b === comma || b === closeArray) throw new FileFault("element", at);
        return true;
      case "ended":
        throw new FileFault("afterArray", at);
      default:
        return true;
    }
  }

  end(records: FileRecord[]): void {
    if (this.#state === "value") {
      if (!this.#scan.mayEnd) throw new FileFault("endsInRecord", this.#start);
      records.push(this.#held.take(++this.#number, this.#start, this.#offset));
    }
    if (this.#array && this.#state !== "ended") throw new FileFault("endsInArray", this.#offset);
  }
}

/** The records of a file, those of a piece of it at a time. */
export async function* readRecords(file: File): AsyncGenerator<FileRecord[], void> {
  const { format, start } = await formatOf(file);
  const splitter: Splitter = format === "lines" ? new Lines(start) : new Values(start);
  const reader = file.slice(start).stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const records: FileRecord[] = [];
      let fault: unknown;
      try {
        if (done) splitter.end(records);
        else splitter.piece(value, records);
      } catch (e) {
        fault = e;
      }
      yield records;
      if (fault) throw fault;
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The first record of a file that can be sent, for a look at it. */
export async function firstRecord(file: File): Promise<string | undefined> {
  for await (const records of readRecords(file)) {
    const found = records.find((r) => r.text !== undefined);
    if (found) return found.text;
  }
  return undefined;
}

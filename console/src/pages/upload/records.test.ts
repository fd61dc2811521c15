import { describe, expect, it } from "vitest";
import { FileFault, type FileRecord, firstRecord, formatOf, maxRecord, readRecords } from "./records";

const file = (text: string | Uint8Array<ArrayBuffer>, name = "x.json"): File => new File([text], name);

/** A file whose stream comes in pieces of so many bytes. */
function inPieces(text: string, size: number, name = "x.json"): File {
  const bytes = new TextEncoder().encode(text);
  const f = file(bytes, name);
  const slice = f.slice.bind(f);
  f.slice = (start = 0, end?: number) => {
    const part = slice(start, end);
    part.stream = () =>
      new ReadableStream({
        start(c) {
          for (let i = start; i < bytes.length; i += size) c.enqueue(bytes.slice(i, i + size));
          c.close();
        },
      });
    return part;
  };
  return f;
}

async function all(f: File): Promise<FileRecord[]> {
  const found: FileRecord[] = [];
  for await (const records of readRecords(f)) found.push(...records);
  return found;
}

const texts = async (f: File): Promise<(string | undefined)[]> => (await all(f)).map((r) => r.text);

const fault = (f: File): Promise<unknown> =>
  all(f).then(
    () => undefined,
    (e: unknown) => (e instanceof FileFault ? [e.rule, e.at] : e),
  );

const cases: readonly (readonly [name: string, text: string, want: readonly string[], file?: string])[] = [
  ["one object", ' {"a": 1} ', ['{"a": 1}']],
  ["an object over several lines", '{\n "a": "}\\"{"\n}\n', ['{\n "a": "}\\"{"\n}']],
  ["objects one after the other", '{"a":\n1}{"b":2}\n\n{"c":3}', ['{"a":\n1}', '{"b":2}', '{"c":3}']],
  ["an array", '[{"a":1}, {"b":[{}]}\n]\n', ['{"a":1}', '{"b":[{}]}']],
  ["an empty array", " [ ] ", []],
  ["an empty file", "", []],
  ["an array of what are no objects", '[1,"x",{"a":1},null]', ["1", '"x"', '{"a":1}', "null"]],
  ["lines", '{"a":1}\n\n {"b":2}\r\n{"c":3}', ['{"a":1}', '{"b":2}', '{"c":3}']],
  ["lines of which one is malformed", '{"a":1}\n{"b":"\n{"c":3}\n', ['{"a":1}', '{"b":"', '{"c":3}']],
  ["lines by the name of the file", '{"b":"\n{"c":3}\n', ['{"b":"', '{"c":3}'], "x.JSONL"],
  ["characters of several bytes", '{"é":"😀"}\n{"ü":1}', ['{"é":"😀"}', '{"ü":1}']],
];

describe("the records of a file", () => {
  for (const [name, text, want, as] of cases) {
    it(`${name}, whatever the pieces are`, async () => {
      for (const size of [1, 2, 3, 7, 1000]) expect(await texts(inPieces(text, size, as)), `pieces of ${size}`).toEqual(want);
    });
  }

  it("say where they lie", async () => {
    for (const [name, text, , as] of cases) {
      const f = inPieces(text, 3, as);
      const bytes = new TextEncoder().encode(text);
      for (const r of await all(f)) expect(new TextDecoder().decode(bytes.slice(r.start, r.end)), name).toBe(r.text);
    }
  });

  it("begin after a byte order mark", async () => {
    const marked = '\ufeff{"a":1}\n{"b":2}';
    expect(await texts(file(marked))).toEqual(['{"a":1}', '{"b":2}']);
    expect((await all(file(marked)))[0]).toMatchObject({ start: 3, end: 10 });
  });

  it("that cannot be sent are told of, and the others go on", async () => {
    const large = `{"a":"${"x".repeat(maxRecord)}"}`;
    const found = await all(file(`{"n":1}\n${large}\n{"n":2}`));
    expect(found.map((r) => [r.number, r.problem, r.text?.slice(0, 7)])).toEqual([
      [1, undefined, '{"n":1}'],
      [2, "tooLarge", undefined],
      [3, undefined, '{"n":2}'],
    ]);
    const bad = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    expect((await all(file(bad)))[0]?.problem).toBe("notUtf8");
  });

  it("end where the file is no JSON any more", async () => {
    expect(await fault(file("a,b\n1,2"))).toEqual(["notJson", 0]);
    expect(await fault(file('[{"a":1}'))).toEqual(["endsInArray", 8]);
    expect(await fault(file('[{"a":1} {"b":2}]'))).toEqual(["comma", 9]);
    expect(await fault(file('[{"a":1},]'))).toEqual(["element", 9]);
    expect(await fault(file('[,{"a":1}]'))).toEqual(["element", 1]);
    expect(await fault(file('[{"a":1}] x'))).toEqual(["afterArray", 10]);
    expect(await fault(file('{"a":\n1} {"b"'))).toEqual(["endsInRecord", 9]);
    expect(await fault(file(new Uint8Array([0xff, 0xfe, 0x7b, 0])))).toEqual(["utf16", 0]);
  });

  it("have a first one to look at", async () => {
    expect(await firstRecord(file('[\n{"a":1}, {"b":2}]'))).toBe('{"a":1}');
    expect(await firstRecord(file("[]"))).toBeUndefined();
  });
});

it("finds how a file is written", async () => {
  expect(await formatOf(file('{"a":1}'))).toEqual({ format: "lines", start: 0 });
  expect(await formatOf(file('{"a":\n1}'))).toEqual({ format: "values", start: 0 });
  expect(await formatOf(file("{", "x.ndjson"))).toEqual({ format: "lines", start: 0 });
});

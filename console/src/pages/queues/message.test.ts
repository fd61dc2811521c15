import { expect, it } from "vitest";
import { type Attribute, attributesOf, faults, readMessage, together, wrongAttribute } from "./message";

const attribute = (some: Partial<Attribute>): Attribute => ({ name: "a", type: "String", value: "x", ...some });

it("holds attributes to the rules of the API", () => {
  for (const name of ["", "a b", "aws.x", "Amazon.x", ".a", "a.", "a..b", "é", "a".repeat(257)]) expect(wrongAttribute([attribute({ name })], 0), name).toBe("name");
  for (const name of ["a", "A.b-c_d", "awsx"]) expect(wrongAttribute([attribute({ name })], 0), name).toBeUndefined();
  expect(wrongAttribute([attribute({}), attribute({})], 1)).toBe("name");
  expect(wrongAttribute([attribute({ value: "" })], 0)).toBe("value");
  expect(wrongAttribute([attribute({ type: "Number" })], 0)).toBe("number");
  expect(wrongAttribute([attribute({ type: "Number", value: "-1.5e3" })], 0)).toBeUndefined();
});

it("finds what a draft lacks", () => {
  expect([...faults({ body: "", delay: "901", attributes: [attribute({ name: "" })] })]).toEqual(["body", "delay", "attributes"]);
  expect([...faults({ body: "x", delay: "", attributes: [] })]).toEqual([]);
  expect(attributesOf({ body: "x", delay: "", attributes: [attribute({ type: "Number", value: "1" })] })).toEqual({ a: { DataType: "Number", StringValue: "1" } });
});

it("reads a message that was received", () => {
  const m = readMessage({
    MessageId: "1",
    ReceiptHandle: "r",
    Body: "é",
    Attributes: { SentTimestamp: "1700000000000", ApproximateReceiveCount: "2", SenderId: "me" },
    MessageAttributes: { t: { DataType: "String", StringValue: "v" }, b: { DataType: "Binary", BinaryValue: new Uint8Array(1) } },
  });
  expect(m).toEqual({
    id: "1",
    receipt: "r",
    body: "é",
    sent: new Date(1700000000000),
    receives: 2,
    size: 2,
    sender: "me",
    attributes: [
      { name: "t", type: "String", value: "v" },
      { name: "b", type: "Binary", value: undefined },
    ],
  });
});

it("keeps each message once, by its latest receipt", () => {
  const m = (id: string, receipt: string) => ({ ...readMessage({ MessageId: id }), receipt });
  expect(together([m("1", "a"), m("2", "b")], [m("1", "c"), m("3", "d")]).map((x) => x.id + x.receipt)).toEqual(["1c", "2b", "3d"]);
});

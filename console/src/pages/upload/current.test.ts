import { expect, it } from "vitest";
import { sender } from "./current";

const refused = (name: string, status: number): Error => Object.assign(new Error(`${name}!`), { name, $metadata: { httpStatusCode: status } });
const signal = new AbortController().signal;

it("finds the record that spoils a call", async () => {
  const calls: (readonly string[])[] = [];
  const send = sender("d", "T", async (_, __, records) => {
    calls.push(records);
    if (records.includes("b")) throw refused("BadRequestException", 400);
    return records.map(() => ({ reason: "", code: 200 }));
  });
  expect(await send(["a", "b", "c"], signal)).toEqual([
    { reason: "", code: 200 },
    { reason: "BadRequestException!", code: 400 },
    { reason: "", code: 200 },
  ]);
  expect(calls).toEqual([["a", "b", "c"], ["a"], ["b"], ["c"]]);
});

it("leaves to the upload what is not about the records", async () => {
  for (const e of [refused("AccessDeniedException", 403), refused("ResourceNotFoundException", 404), new TypeError("Failed to fetch")]) {
    const send = sender("d", "T", () => Promise.reject(e));
    await expect(send(["a", "b"], signal)).rejects.toBe(e);
  }
});

import { expect, it } from "vitest";
import { formats } from "./format";

const plain = (s: string): string => s.replaceAll(/[\u00a0\u202f]/g, " "); // the spaces between number and unit differ by version

it("writes numbers, sizes and times as each language does", () => {
  const at = new Date("2026-03-05T14:07:09Z");
  const en = formats("en", "UTC");
  const pt = formats("pt-BR", "UTC");
  expect(en.number(1234567.5)).toBe("1,234,567.5");
  expect(pt.number(1234567.5)).toBe("1.234.567,5");
  expect(plain(en.dateTime(at))).toBe("Mar 5, 2026, 2:07 PM");
  expect(plain(pt.dateTime(at))).toBe("5 de mar. de 2026, 14:07");
  expect(plain(en.exact(at))).toContain("2:07:09 PM UTC");
});

it("writes sizes in the unit that suits them", () => {
  const { bytes } = formats("en");
  expect([0, 1, 999, 1000, 1_250_000, 3e15].map((n) => plain(bytes(n)))).toEqual(["0 bytes", "1 byte", "999 bytes", "1 kB", "1.3 MB", "3,000 TB"]);
});

it("writes spans of time in the unit that they are whole in", () => {
  const { duration } = formats("en");
  expect([0, 1, 30, 60, 90, 3600, 345_600, 1_209_600].map(duration)).toEqual(["0 seconds", "1 second", "30 seconds", "1 minute", "90 seconds", "1 hour", "4 days", "14 days"]);
  expect(formats("pt-BR").duration(345_600)).toBe("4 dias");
});

import { expect, it } from "vitest";
import { preferredLocale } from "./preferences";
import { recall, remember } from "./storage";

it("takes the first language of the browser that there is", () => {
  expect(preferredLocale(["fr", "pt-PT", "en"])).toBe("pt-BR");
  expect(preferredLocale(["en-GB", "pt-BR"])).toBe("en");
  expect(preferredLocale(["de"])).toBe("en");
  expect(preferredLocale([])).toBe("en");
});

it("remembers, and takes what is not its own for nothing", () => {
  remember("k", { a: 1 });
  expect(recall("k")).toEqual({ a: 1 });
  localStorage.setItem("k", "{");
  expect(recall("k")).toBeUndefined();
  expect(recall("other")).toBeUndefined();
});

import { expect, it } from "vitest";
import { home, safeReturnPath, signInFor } from "./returnpath";

it("leads to pages of the console", () => {
  for (const path of ["/console/instances?a=b#c", "/console/queues/create?domain=x", "/agent?phone=%2B1", home]) expect(safeReturnPath(path)).toBe(path);
});

it("leads nowhere else", () => {
  for (const path of [
    null,
    "",
    "console/instances",
    "//evil.example/console/",
    "/\\evil.example/console/",
    "\\\\evil.example",
    "https://evil.example/console/",
    "javascript:alert(1)",
    "/console/../firehose",
    "/console/sign-in",
    "/consolex",
    "/agents",
    "/\t/evil.example/console/",
  ])
    expect(safeReturnPath(path), String(path)).toBe(home);
});

it("is what the address of the sign-in page carries", () => {
  const wanted = { pathname: "/console/instances/1", search: "?a=b&c=d" };
  const next = new URL(signInFor(wanted), location.origin).searchParams.get("next");
  expect(safeReturnPath(next)).toBe("/console/instances/1?a=b&c=d");
  expect(signInFor({ pathname: home, search: "" })).toBe("/console/sign-in");
});

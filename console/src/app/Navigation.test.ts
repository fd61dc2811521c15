import { expect, it } from "vitest";
import { entries } from "./Navigation";
import { type PageRoute, pages } from "./page";

const load: PageRoute["load"] = () => Promise.reject(new Error("not loaded here"));

it("fills a menu with the pages that belong to it, in their order and sections", () => {
  const section = { en: "Data", "pt-BR": "Dados" };
  const all: PageRoute[] = [
    { path: "/c/:id/b", load, menu: "instance", nav: { text: { en: "B", "pt-BR": "B!" }, order: 20 } },
    { path: "/c/:id/d", load, menu: "instance", nav: { text: { en: "D", "pt-BR": "D!" }, order: 40, section } },
    { path: "/c/:id", load, menu: "instance", nav: { text: { en: "A", "pt-BR": "A!" }, order: 10 } },
    { path: "/c/:id/c", load, menu: "instance", nav: { text: { en: "C", "pt-BR": "C!" }, order: 30, section } },
    { path: "/c/:id/hidden", load, menu: "instance" },
    { path: "/other", load, menu: "main", nav: { text: { en: "O", "pt-BR": "O" }, order: 1 } },
  ];
  expect(entries(all, "instance", { id: "1" }, "pt-BR")).toEqual([
    { type: "link", text: "A!", href: "/c/1" },
    { type: "link", text: "B!", href: "/c/1/b" },
    {
      type: "section",
      text: "Dados",
      items: [
        { type: "link", text: "C!", href: "/c/1/c" },
        { type: "link", text: "D!", href: "/c/1/d" },
      ],
    },
  ]);
});

it("has pages whose paths are their own, and entries that exist", async () => {
  const paths = pages.map((p) => p.path);
  expect(new Set(paths).size).toBe(paths.length);
  for (const p of pages) if (p.under) expect(paths, p.path).toContain(p.under);
});

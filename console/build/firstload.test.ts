import type { Rollup } from "vite";
import { expect, it } from "vitest";
import { closure } from "./firstload";

const chunk = (imports: string[], css: string[] = []): Rollup.OutputChunk =>
  ({ type: "chunk", imports, viteMetadata: { importedCss: new Set(css) } }) as unknown as Rollup.OutputChunk;

it("follows static imports and style sheets, each once", () => {
  const bundle: Rollup.OutputBundle = { a: chunk(["b", "c"], ["a.css"]), b: chunk(["c"], ["c.css"]), c: chunk(["a"]), lazy: chunk([]) };
  expect(closure(bundle, ["a", "b"]).sort()).toEqual(["a", "a.css", "b", "c", "c.css"]);
});

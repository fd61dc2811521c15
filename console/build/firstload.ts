import { gzipSync } from "node:zlib";
import type { Plugin, Rollup } from "vite";

/** What counts as the first load, and how large it may be. */
export interface FirstLoad {
  /** Ends of the paths of modules (without extension, if they are generated) whose chunks are loaded first. */
  entries: string[];
  /** Bytes of scripts and style sheets together, each compressed with gzip. */
  limit: number;
}

/** The files that chunks need: themselves, what they import statically, and their style sheets. */
export function closure(bundle: Rollup.OutputBundle, from: string[]): string[] {
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const chunk = bundle[name];
    if (chunk?.type !== "chunk") return;
    chunk.imports.forEach(visit);
    for (const css of chunk.viteMetadata?.importedCss ?? []) seen.add(css);
  };
  from.forEach(visit);
  return [...seen];
}

/** Fails a build whose first load is larger than the limit, and prints what it is. */
export function firstLoad({ entries, limit }: FirstLoad): Plugin {
  return {
    name: "kindred-first-load",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const chunks = Object.values(bundle).filter((c) => c.type === "chunk");
        const from = entries.map((entry) => {
          const chunk = chunks.find((c) => c.moduleIds.some((id) => id.includes(entry)));
          if (!chunk) this.error(`first load: no chunk holds ${entry}`);
          return chunk.fileName;
        });
        const sizes = closure(bundle, from).map((name) => {
          const file = bundle[name];
          if (!file) this.error(`first load: ${name} is not in the build`);
          return { name, bytes: gzipSync(file.type === "chunk" ? file.code : file.source).length };
        });
        const total = sizes.reduce((sum, s) => sum + s.bytes, 0);
        const report = `first load: ${kB(total)} of ${kB(limit)} kB gzip in ${sizes.length} files`;
        if (total > limit) {
          const largest = sizes.sort((a, b) => b.bytes - a.bytes).slice(0, 10);
          this.error(`${report}\n${largest.map((s) => `  ${kB(s.bytes)} ${s.name}`).join("\n")}`);
        }
        this.info(report);
      },
    },
  };
}

const kB = (bytes: number): string => (bytes / 1000).toFixed(1);

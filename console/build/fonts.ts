import { createHash } from "node:crypto";
import type { Plugin } from "vite";

const inlined = /url\((['"]?)data:font\/woff2;base64,([A-Za-z0-9+/=]+)\1\)/g;

/**
 * Takes the fonts that Cloudscape's style sheet carries within it out into files, so
 * that a browser loads those that it shows and not all of them before it shows
 * anything.
 */
export function fonts(): Plugin {
  let base = "/";
  return {
    name: "kindred-fonts",
    apply: "build",
    configResolved(config) {
      base = config.base;
    },
    generateBundle(_, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== "asset" || !file.fileName.endsWith(".css")) continue;
        const css = typeof file.source === "string" ? file.source : Buffer.from(file.source).toString();
        if (!css.includes("data:font/woff2")) continue;
        file.source = css.replace(inlined, (_, __, base64: string) => {
          const source = Buffer.from(base64, "base64");
          const fileName = `assets/font-${createHash("sha256").update(source).digest("base64url").slice(0, 8)}.woff2`;
          this.emitFile({ type: "asset", fileName, source });
          return `url(${base}${fileName})`;
        });
      }
    },
  };
}

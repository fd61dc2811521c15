import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin } from "vite";

/** Files below this many bytes are sent as they are: compressed they save no packet. */
const smallest = 1024;

/** The files that a build makes at the top of its directory. */
const own = /^(index\.html)(\.gz|\.br)?$/;

const compressible = /\.(js|css|html|svg|json|txt)$/;

/**
 * Clears the output directory of earlier builds, but for files that are not of a
 * build, and puts a .br and a .gz beside each file that gets smaller by it. The
 * server sends them as they are.
 */
export function output(): Plugin {
  let dir = "";
  return {
    name: "kindred-output",
    apply: "build",
    configResolved(config) {
      dir = join(config.root, config.build.outDir);
    },
    buildStart() {
      rmSync(join(dir, "assets"), { recursive: true, force: true });
      for (const name of list(dir)) {
        if (own.test(name)) rmSync(join(dir, name));
      }
    },
    async writeBundle(_, bundle) {
      await Promise.all(Object.keys(bundle).map((name) => compress(join(dir, name))));
    },
  };
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return []; // there is none yet
  }
}

async function compress(file: string): Promise<void> {
  if (!compressible.test(file)) return;
  const text = readFileSync(file);
  if (text.length < smallest) return;
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: text.length };
  const [br, gz] = await Promise.all([promisify(brotliCompress)(text, { params }), promisify(gzip)(text, { level: 9 })]);
  if (br.length < text.length) writeFileSync(`${file}.br`, br);
  if (gz.length < text.length) writeFileSync(`${file}.gz`, gz);
}

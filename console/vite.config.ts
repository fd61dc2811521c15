import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { fonts } from "./build/fonts.ts";
import { firstLoad } from "./build/firstload.ts";
import { output } from "./build/output.ts";

/** Where a development server finds Kindred (npm run dev). */
const kindred = process.env.KINDRED_URL ?? "http://127.0.0.1:4620";

// The Host header stays the browser's: it is part of what the SDK signs.
const proxy = { target: kindred, changeOrigin: false };

export default defineConfig({
  base: "/console/",
  plugins: [
    react(),
    fonts(),
    // What a browser loads before it shows the sign-in page and the first page in
    // its frame. The rest comes page by page.
    firstLoad({
      entries: ["src/main.tsx", "src/pages/sign-in/SignInPage.tsx", "src/app/Shell.tsx", "i18n/messages/all.pt-BR"],
      limit: 400_000,
    }),
    output(),
  ],
  build: {
    outDir: "../internal/console/dist",
    emptyOutDir: false, // package console keeps a file there; output() removes the rest
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false }, // it would be an inline script
    sourcemap: false,
    chunkSizeWarningLimit: 2000, // firstLoad watches what matters
  },
  server: {
    fs: { allow: [".", "../internal/standard"] }, // what the standard objects are, see src/mapping/standard.ts
    proxy: { "^/(?!console(/|$)|agent($|[?]))": proxy, "/console/session": proxy, "/console/config.json": proxy },
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          environment: "happy-dom",
          setupFiles: ["build/testsetup.ts"],
          include: ["src/**/*.test.{ts,tsx}", "build/**/*.test.ts"],
          server: { deps: { inline: [/@cloudscape-design/] } },
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          environment: "node",
          env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" }, // of the next year's versions
          include: ["tests/browser/**/*.test.ts"],
          globalSetup: ["tests/browser/binary.ts"],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

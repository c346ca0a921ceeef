import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const HUB = process.env.VEDETTE_HUB_URL ?? "http://127.0.0.1:4800";

export default defineConfig({
  plugins: [react()],
  // Addresses are relative to <base href>, which the hub sets: the bundle knows no prefix.
  base: "./",
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    // The content security policy allows no data: scripts, and small files cost little.
    assetsInlineLimit: 0,
    cssCodeSplit: true,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: true,
  },
  server: {
    proxy: { "/api": { target: HUB, changeOrigin: false } },
  },
});

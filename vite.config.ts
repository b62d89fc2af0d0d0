import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'
import { appManifest } from './bin/build/manifest.ts'
import { preload } from './bin/build/preload.ts'
import { whatsNewFile } from './bin/build/whats-new.ts'

/**
 * With what they need, in one file each, what comes first first: a file for every part that two others share would be
 * dozens, and asking for each costs more than what is in it.
 */
const PARTS = {
  main: /\/client\/main\.ts$/,
  schemas: /\/shared\/wire\/primitives\.ts$/,
  contract: /\/client\/app\/contract\.ts$/,
  frame: /\/client\/app\/kith-app\.ts$/,
  start: /\/client\/app\/start\.ts$/,
  signed: /\/shared\/logs\/signed\.ts$/,
  welcome: /\/client\/vault\/welcome-screen\.ts$/,
  unlocked: /\/client\/(?:groups\/groups|vault\/own-identity|vault\/secrets)\.ts$/,
  library: /\/client\/(?:media\/items|upload\/uploads)\.ts$/,
}
const groups = Object.entries(PARTS).map(([name, test], at, { length }) => ({ name, test, priority: length - at }))

const server = `http://127.0.0.1:${process.env.KITH_PORT ?? 8420}`

export default defineConfig({
  root: 'client',
  build: {
    outDir: '../dist/client',
    emptyOutDir: true,
    manifest: true,
    sourcemap: true,
    // The page's policy is default-src 'self': a data: URL would be refused.
    assetsInlineLimit: 0,
    // A part names what it needs: what `PARTS` gathers is there, and a link for each would hold up the page.
    modulePreload: false,
    rolldownOptions: { output: { codeSplitting: { groups } } },
  },
  worker: { format: 'es' },
  server: {
    port: 5173,
    strictPort: true,
    proxy: {
      // Live events come by a WebSocket below it.
      '/api': { target: server, ws: true },
      '/healthz': server,
      '/readyz': server,
    },
  },
  plugins: [
    whatsNewFile('CHANGELOG.md'),
    // A first visit waits for nothing else.
    preload('wire/primitives.ts', 'app/contract.ts', 'app/kith-app.ts', 'app/start.ts', 'vault/welcome-screen.ts'),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: '../sw',
      filename: 'sw.ts',
      registerType: 'prompt',
      // client/app registers it: it has more to say than the generated script.
      injectRegister: false,
      includeManifestIcons: false,
      injectManifest: {
        // One classic script: a Service Worker may not import on demand, and Firefox knew no modules there for long.
        rollupFormat: 'iife',
        globPatterns: ['**/*.{js,css,html,svg,png,webp,woff2,webmanifest}'],
        // The system keeps an installed app's icons itself.
        globIgnores: ['sw.js', 'sw.mjs', 'screenshots/*', 'icons/!(icon-192).png', 'manifest.webmanifest'],
        maximumFileSizeToCacheInBytes: 4 * 1024 * 1024,
        sourcemap: true,
      },
      devOptions: { enabled: true, type: 'module', navigateFallback: 'index.html' },
      manifest: appManifest,
    }),
  ],
})

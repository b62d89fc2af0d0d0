import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'
import { appManifest } from './bin/build/manifest.ts'
import { preload } from './bin/build/preload.ts'
import { whatsNewFile } from './bin/build/whats-new.ts'

/**
 * With what they need, in one file each: a file for every part that two others share would be dozens, and asking for
 * each costs more than what is in it.
 */
const parts = [
  { name: 'main', test: /\/client\/main\.ts$/, priority: 5 },
  { name: 'contract', test: /\/client\/app\/contract\.ts$/, priority: 4 },
  { name: 'start', test: /\/client\/app\/start\.ts$/, priority: 3 },
  { name: 'welcome', test: /\/client\/vault\/welcome-screen\.ts$/, priority: 2 },
  { name: 'unlocked', test: /\/client\/(?:groups\/groups|vault\/own-identity|vault\/secrets)\.ts$/, priority: 1 },
  { name: 'library', test: /\/client\/(?:media\/items|upload\/uploads)\.ts$/, priority: 0 },
]
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
    // A part names what it needs: what `parts` gathers is there, and a link for each would hold up the page.
    modulePreload: false,
    rolldownOptions: { output: { codeSplitting: { groups: parts } } },
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
    preload('app/contract.ts', 'app/start.ts', 'vault/welcome-screen.ts'),
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

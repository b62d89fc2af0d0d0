import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'
import { appManifest } from './bin/build/manifest.ts'
import { preload } from './bin/build/preload.ts'
import { whatsNewFile } from './bin/build/whats-new.ts'

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
    modulePreload: { polyfill: false },
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
    preload('vault/welcome-screen.ts'),
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

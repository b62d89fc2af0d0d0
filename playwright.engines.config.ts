import { defineConfig } from '@playwright/test'

/** The walk in three engines: each is driven in its own way, the runner only counts. */
export default defineConfig({
  testDir: 'e2e/engines',
  testMatch: '*.engine.ts',
  outputDir: 'test-results/engines',
  workers: 2,
  fullyParallel: true,
  projects: [
    { name: 'Chromium' },
    { name: 'Firefox' },
    // Its network process under Xvfb stands still now and then (docs/engines.md): a fresh one gets another try, and the
    // report says so.
    { name: 'WebKitGTK', retries: 2 },
  ],
  forbidOnly: process.env.CI !== undefined,
  reporter: [['list'], ['json', { outputFile: 'test-results/engines.json' }]],
})

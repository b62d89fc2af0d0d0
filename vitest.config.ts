import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    name: 'unit',
    include: ['{bench,bin,client,e2e,migrations,server,shared,sw,worker}/**/*.test.ts'],
    testTimeout: 20_000,
    globalSetup: 'bin/vitest-note.ts',
  },
})

import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    name: 'unit',
    include: ['{bench,bin,client,e2e,migrations,server,shared,sw,worker}/**/*.test.ts'],
    testTimeout: 20_000,
    // Much of a test's time is waiting for disk, sockets and other processes: no core is left out.
    maxWorkers: '100%',
    globalSetup: 'bin/vitest-note.ts',
  },
})

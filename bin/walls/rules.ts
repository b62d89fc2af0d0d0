/**
 * Who may import whom, as in ARCHITECTURE.md. To add a folder, add it to a zone here; a file without a zone is an error.
 * Tests are free to import what they test against: see `isTest`.
 */

export interface Zone {
  name: string
  /** Path prefixes; the longest prefix over all zones decides. */
  paths: string[]
  /** Zones besides itself. */
  mayImport: string[]
  /** npm packages by name; `node:*` stands for what Node brings along. */
  packages: string[] | 'any'
  reason: string
}

const ANY_SHARED = ['format', 'crypto', 'logs', 'wire', 'device']

export const ZONES: Zone[] = [
  {
    name: 'format',
    paths: ['shared/format/', 'shared/errors.ts'],
    mayImport: [],
    packages: [],
    reason: 'formats and errors are the alphabet: pure, without keys, nothing beneath them',
  },
  {
    name: 'crypto',
    paths: ['shared/crypto/'],
    mayImport: ['format', 'logs', 'wire'],
    packages: [
      '@noble/ciphers',
      '@noble/curves',
      '@noble/hashes',
      '@scure/bip39',
      '@serenity-kit/opaque',
      'libsodium-wrappers',
      'zod',
    ],
    reason: 'the contract imports nothing above it and runs in a page, a worker and Node alike',
  },
  {
    name: 'logs',
    paths: ['shared/logs/'],
    mayImport: ['format', 'crypto', 'wire'],
    packages: ['zod', '@noble/curves', '@noble/hashes'],
    reason: 'the contract imports nothing above it and runs in a page, a worker and Node alike',
  },
  {
    name: 'wire',
    paths: ['shared/wire/'],
    mayImport: ['format', 'crypto', 'logs'],
    packages: ['zod'],
    reason: 'messages are schemas over the alphabet: zod and nothing else',
  },
  {
    name: 'device',
    paths: ['shared/device/'],
    mayImport: ['format', 'crypto', 'logs', 'wire'],
    packages: ['idb', 'zod'],
    reason: 'the store on the device is shared by page and Service Worker, and knows neither',
  },
  {
    name: 'client',
    paths: ['client/'],
    mayImport: ANY_SHARED,
    packages: 'any',
    reason: 'the page knows the contract only: never the Service Worker, the server or the worker',
  },
  {
    name: 'sw',
    paths: ['sw/'],
    mayImport: ANY_SHARED,
    packages: 'any',
    reason: 'the Service Worker knows the contract only: never the page, the server or the worker',
  },
  {
    name: 'server',
    paths: ['server/'],
    mayImport: ['format', 'logs', 'wire', 'migrations'],
    packages: 'any',
    reason: 'the server is blind: bytes, logs and messages are all it may know of the contract',
  },
  {
    name: 'worker',
    paths: ['worker/'],
    mayImport: ['format', 'crypto', 'logs', 'wire'],
    packages: 'any',
    reason: 'the worker speaks to the server by HTTP only, so that it can run on another machine',
  },
  {
    name: 'migrations',
    paths: ['migrations/'],
    mayImport: [],
    packages: ['knex'],
    reason: 'a migration must mean the same for ever: it may not depend on code that changes',
  },
  {
    name: 'tools',
    paths: [
      'bin/',
      'e2e/',
      'bench/',
      'vite.config.ts',
      'vitest.config.ts',
      'playwright.config.ts',
      'playwright.engines.config.ts',
    ],
    mayImport: ['format', 'crypto', 'logs', 'wire', 'device', 'client', 'sw', 'server', 'worker', 'migrations'],
    packages: 'any',
    reason: '',
  },
]

/** Nothing in `from` may end up running `never`, however long the way. Type imports do not count: they are erased. */
export interface Reach {
  from: string[]
  except?: string[]
  /** Path prefixes (ending in `/`) or package names. */
  never: string[]
  through: 'static' | 'static and dynamic'
  reason: string
}

export const REACHES: Reach[] = [
  {
    from: ['server/'],
    never: ['shared/crypto/', 'shared/device/', 'libsodium-wrappers'],
    through: 'static and dynamic',
    reason: 'the server is blind: it never runs code that opens or seals',
  },
  {
    from: ['sw/'],
    never: ['libsodium-wrappers', '@serenity-kit/opaque', '@zxcvbn-ts/core'],
    through: 'static and dynamic',
    reason: 'the Service Worker starts for every request: WebCrypto only, 40 KiB for everything',
  },
  {
    from: ['client/'],
    except: ['client/workers/'],
    never: ['libsodium-wrappers', '@serenity-kit/opaque'],
    through: 'static',
    reason:
      'passwords and libsodium live in client/workers: one instance, off the main thread, not in the first download',
  },
]

/** Packages and globals with a single home. */
export interface Home {
  what: string[]
  only: string[]
  reason: string
}

const TOOLS = ['bin/', 'e2e/', 'bench/']

export const HOMES: Home[] = [
  {
    what: ['crypto.subtle'],
    // The device key is made and kept where IndexedDB is: it never leaves the browser as bytes.
    only: ['shared/crypto/', 'shared/device/device-key.ts', ...TOOLS],
    reason: 'shared/crypto is the only caller of primitives, so that one folder can be audited',
  },
  {
    what: ['libsodium-wrappers', '@noble/ciphers'],
    only: ['shared/crypto/', ...TOOLS],
    reason: 'shared/crypto is the only caller of primitives, so that one folder can be audited',
  },
  {
    what: ['@noble/curves', '@noble/hashes'],
    // Logs verify and hash, also at the blind server; they hold no key.
    only: ['shared/crypto/', 'shared/logs/', ...TOOLS],
    reason: 'primitives are called in shared/crypto, and in shared/logs to verify, so that two folders can be audited',
  },
  {
    what: ['@serenity-kit/opaque'],
    only: ['shared/crypto/', 'client/workers/', 'server/', ...TOOLS],
    reason: 'OPAQUE runs at the two ends of a sign-in and nowhere else',
  },
  {
    what: ['node:crypto'],
    only: ['server/', 'worker/', ...TOOLS],
    reason:
      'node:crypto is for what Node alone does: tokens and hashes of the server, the loopback secret of the worker',
  },
  {
    what: ['process.env'],
    only: [
      'server/main.ts',
      'server/config.ts',
      'worker/main.ts',
      'worker/config.ts',
      'vite.config.ts',
      'vitest.config.ts',
      'playwright.config.ts',
      'playwright.engines.config.ts',
      ...TOOLS,
    ],
    reason: 'only entry files and config.ts touch the environment: everything else is given what it needs',
  },
  {
    what: ['idb'],
    only: ['shared/device/', ...TOOLS],
    reason: 'page and Service Worker must agree on the database: shared/device opens it',
  },
  {
    what: ['node:*'],
    only: [
      'server/',
      'worker/',
      'migrations/',
      'vite.config.ts',
      'vitest.config.ts',
      'playwright.config.ts',
      'playwright.engines.config.ts',
      ...TOOLS,
    ],
    reason: 'page, Service Worker and contract have no Node beneath them',
  },
]

/** Tests, and what only tests use (`…/testing/…`), may import anything; nothing else may import them. */
export function isTest(path: string): boolean {
  return /\.test\.ts$|(^|\/)testing\//.test(path)
}

export function zoneOf(path: string): Zone | undefined {
  const length = (zone: Zone) =>
    Math.max(0, ...zone.paths.filter((prefix) => path.startsWith(prefix)).map((p) => p.length))
  return ZONES.filter((zone) => length(zone) > 0).sort((a, b) => length(b) - length(a))[0]
}

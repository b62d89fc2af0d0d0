import { describe, expect, it } from 'vitest'
import { checkWalls } from './check.ts'

const check = (files: Record<string, string>) =>
  checkWalls(new Map(Object.entries(files))).map(({ path, line, message }) => `${path}:${line} ${message}`)

describe('walls', () => {
  it('lets the intended imports through', () => {
    expect(
      check({
        'shared/errors.ts': 'export class AppError extends Error {}',
        'shared/format/bytes.ts': `import { AppError } from '../errors.ts'\nexport const a = AppError`,
        'shared/crypto/seal.ts': `import sodium from 'libsodium-wrappers'\nexport const s = crypto.subtle ?? sodium`,
        'shared/wire/media.ts': `import * as z from 'zod/mini'\nimport '../format/bytes.ts'\nexport const m = z`,
        'server/main.ts': `import './app.ts'\nexport const env = process.env`,
        'server/app.ts': `import Koa from 'koa'\nimport { createHash } from 'node:crypto'\nimport '../shared/wire/media.ts'\nexport { Koa, createHash }`,
        'worker/main.ts': `import '../shared/crypto/seal.ts'`,
        'client/workers/crypto.worker.ts': `import '../../shared/crypto/seal.ts'`,
        'client/main.ts': `import W from './workers/crypto.worker.ts?worker'\nexport const w = new W()`,
        'migrations/0001-start.ts': `import type { Knex } from 'knex'\nexport type K = Knex`,
      }),
    ).toEqual([])
  })

  it.each([
    ['server/app.ts', `import { seal } from '../shared/crypto/seal.ts'`, 'the server is blind'],
    ['server/app.ts', `import type { Key } from '../shared/crypto/seal.ts'`, 'the server is blind'],
    ['server/app.ts', `const a = await import('../worker/api.ts')`, 'the server is blind'],
    ['server/app.ts', `import '@noble/hashes/sha2.js'`, 'can be audited'],
    ['client/a.ts', `export * from '../sw/range.ts'`, 'never the Service Worker'],
    ['client/a.ts', `import sodium from 'libsodium-wrappers'`, 'client/workers'],
    ['sw/sw.ts', `import '../client/app/shell.ts'`, 'never the page'],
    ['sw/sw.ts', `import { readFile } from 'node:fs/promises'`, 'no Node beneath them'],
    ['worker/api.ts', `import '../server/app.ts'`, 'by HTTP only'],
    ['shared/format/a.ts', `import '../crypto/seal.ts'`, 'alphabet'],
    ['shared/format/a.ts', `import * as z from 'zod/mini'`, 'alphabet'],
    ['shared/wire/a.ts', `import 'lit'`, 'zod and nothing else'],
    ['shared/device/a.ts', `import '../../client/main.ts'`, 'knows neither'],
    ['worker/a.ts', `import '../shared/device/database.ts'`, 'by HTTP only'],
    ['client/a.ts', `import { openDB } from 'idb'`, 'shared/device opens it'],
    ['migrations/0001.ts', `import '../server/db/rows.ts'`, 'the same for ever'],
    ['client/a.ts', `import './testing/fixtures.ts'`, 'only tests use'],
    ['client/a.ts', `import { thing } from '../e2e/thing.ts'`, 'the contract only'],
    ['elsewhere/a.ts', ``, 'belongs to no zone'],
  ])('%s may not: %s', (path, text, reason) => {
    expect(check({ [path]: text }).join('\n')).toContain(reason)
  })

  it.each([
    'await crypto.subtle.digest("SHA-256", bytes)',
    'const { subtle } = globalThis.crypto',
    'globalThis.crypto["subtle"]',
    'const s = self.crypto.subtle',
  ])('finds the call of a primitive in: %s', (text) => {
    expect(check({ 'client/upload/hash.ts': `\n${text}` })).toEqual([
      expect.stringContaining('client/upload/hash.ts:2 uses crypto.subtle'),
    ])
  })

  it.each(['process.env.PORT', 'const { env } = process', 'globalThis.process.env'])(
    'finds the environment in: %s',
    (text) => {
      expect(check({ 'server/routes/media.ts': text }).join()).toContain('uses process.env')
      expect(check({ 'server/config.ts': text })).toEqual([])
    },
  )

  it('follows the way through other modules and shows it', () => {
    const files = {
      'server/groups/append.ts': `import { replay } from '../../shared/logs/replay.ts'`,
      'shared/logs/replay.ts': `import { verify } from '../crypto/sign.ts'`,
      'shared/crypto/sign.ts': `import { ed25519 } from '@noble/curves/ed25519.js'`,
    }
    expect(check(files)).toEqual([
      'server/groups/append.ts:1 reaches shared/crypto/sign.ts: the server is blind: it never runs code that opens or seals ' +
        '(server/groups/append.ts → shared/logs/replay.ts → shared/crypto/sign.ts)',
    ])
    expect(check({ ...files, 'shared/logs/replay.ts': `import type { Verify } from '../crypto/sign.ts'` })).toEqual([])
  })

  it('keeps libsodium out of the Service Worker, also behind a dynamic import', () => {
    const files = {
      'sw/keys.ts': `import '../shared/device/keys.ts'`,
      'shared/device/keys.ts': `const m = await import('../crypto/box.ts')`,
      'shared/crypto/box.ts': `import sodium from 'libsodium-wrappers'`,
    }
    expect(check(files).join()).toContain('sw/keys.ts:1 reaches libsodium-wrappers')
    expect(check({ ...files, 'sw/keys.ts': '', 'client/a.ts': `import '../shared/device/keys.ts'` })).toEqual([])
  })

  it('blames the file that leaves the page, not all that import it', () => {
    const found = check({
      'client/main.ts': `import './app/a.ts'`,
      'client/app/a.ts': `import '../../shared/crypto/box.ts'`,
      'shared/crypto/box.ts': `import sodium from 'libsodium-wrappers'`,
    })
    expect(found).toHaveLength(1)
    expect(found[0]).toContain('client/app/a.ts:1 reaches libsodium-wrappers')
  })

  it('leaves tests free and names a file that does not parse', () => {
    expect(check({ 'server/app.test.ts': `import '../shared/crypto/seal.ts'` })).toEqual([])
    expect(() => check({ 'sw/sw.ts': 'const = 1' })).toThrow('sw/sw.ts')
  })
})

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hashSources } from './build-client.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kith-sources-'))
  write('client/main.ts', 'one')
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(path: string, text: string) {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

it.each([
  'client/app/kith-app.ts',
  'client/public/icon.svg',
  'shared/errors.ts',
  'sw/sw.ts',
  'bin/build/manifest.ts',
  'vite.config.ts',
  'package-lock.json',
  'tsconfig/page.json',
  'CHANGELOG.md',
])('builds the app anew where %s changed', (path) => {
  const without = hashSources(folder)
  write(path, 'one')
  const before = hashSources(folder)
  write(path, 'two')
  expect(new Set([without, before, hashSources(folder)]).size).toBe(3)
  write(path, 'one')
  expect(hashSources(folder)).toBe(before)
})

it.each(['server/main.ts', 'README.md', 'bin/start.ts'])('does not where %s changed', (path) => {
  const before = hashSources(folder)
  write(path, 'two')
  expect(hashSources(folder)).toBe(before)
})

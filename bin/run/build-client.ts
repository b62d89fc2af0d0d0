import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const SOURCES = [
  '{client,shared,sw,bin/build}/**/*',
  'vite.config.ts',
  'package-lock.json',
  'tsconfig/*.json',
  // What is new is a part of the app.
  'CHANGELOG.md',
]
const OUT = 'dist/client'
const STAMP = 'dist/client.sha256'

/** Builds the client where its sources changed since the last time. @throws {Error} with the builder's own words. */
export function buildClient(say: (line: string) => void): void {
  const hash = hashSources('.')
  if (existsSync(`${OUT}/index.html`) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash) return
  say('Building the app, once for every new version …')
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['node_modules/vite/bin/vite.js', 'build', '--logLevel=warn'],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`The app could not be built:\n${stdout}${stderr}`)
  writeFileSync(STAMP, hash)
}

/** Over everything that the built client is made of, by name and content. */
export function hashSources(folder: string): string {
  const hash = createHash('sha256')
  const paths = globSync(SOURCES, { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .sort()
  for (const path of paths) {
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(folder, path)))
  }
  return hash.digest('hex')
}

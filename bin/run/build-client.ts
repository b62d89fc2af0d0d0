import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'

const SOURCES = ['{client,shared,sw}/**/*', 'vite.config.ts', 'package-lock.json', 'tsconfig/*.json']
const OUT = 'dist/client'
const STAMP = 'dist/client.sha256'

/** Builds the client where its sources changed since the last time. @throws {Error} with the builder's own words. */
export function buildClient(say: (line: string) => void): void {
  const hash = hashSources()
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

function hashSources(): string {
  const hash = createHash('sha256')
  for (const entry of globSync(SOURCES, { withFileTypes: true }).sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1))) {
    if (entry.isFile())
      hash
        .update(pathOf(entry))
        .update('\0')
        .update(readFileSync(pathOf(entry)))
  }
  return hash.digest('hex')
}

function pathOf(entry: { parentPath: string; name: string }): string {
  return `${entry.parentPath}/${entry.name}`
}

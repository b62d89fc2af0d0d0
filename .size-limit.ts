import { existsSync, readFileSync } from 'node:fs'

/** What a first visit downloads, compressed as on the wire: read from the build's own list of files. */

const OUT = 'dist/client'

interface Chunk {
  file: string
  imports?: string[]
  css?: string[]
  name?: string
}

if (!existsSync(`${OUT}/.vite/manifest.json`)) throw new Error(`${OUT} is missing: run npm run build first`)
const chunks = JSON.parse(readFileSync(`${OUT}/.vite/manifest.json`, 'utf8')) as Record<string, Chunk>

function withImports(key: string, seen: Set<string>): Set<string> {
  if (seen.has(key)) return seen
  seen.add(key)
  for (const next of chunks[key]?.imports ?? []) withImports(next, seen)
  return seen
}

// All that the page has fetched beside its entry is as much of a first visit as the entry (bin/build/preload.ts).
const page = readFileSync(`${OUT}/index.html`, 'utf8')
const isNamed = (file: string) => page.includes(`"/${file}"`)
const begins = Object.keys(chunks).filter((key) => isNamed(chunks[key]?.file ?? ''))
for (const name of ['main', 'schemas', 'contract', 'frame', 'start', 'welcome']) {
  if (!begins.some((key) => chunks[key]?.name === name)) throw new Error(`${OUT}/index.html does not ask for ${name}`)
}
const first = [...begins.reduce((seen, key) => withImports(key, seen), new Set<string>())].flatMap(
  (key) => chunks[key] ?? [],
)
const files = (paths: string[]) => [...new Set(paths)].map((path) => `${OUT}/${path}`)
const named = [...page.matchAll(/"\/(assets\/[^"]+\.css)"/g)].map(([, file = '']) => file)
const styles = files([...named, ...first.flatMap((chunk) => chunk.css ?? [])])

if (styles.length === 0) throw new Error(`${OUT}/index.html asks for no style sheet`)
const BUDGETS = [
  { name: 'entry JS', path: files(first.map((chunk) => chunk.file)), limit: '60 KiB' },
  { name: 'Service Worker', path: [`${OUT}/sw.js`], limit: '40 KiB' },
  { name: 'CSS', path: styles, limit: '15 KiB' },
]

export default BUDGETS.map((budget) => ({ ...budget, gzip: true, brotli: false }))

import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ConfigError, parseServer, readConfig } from './config.ts'

it('has defaults for everything', () => {
  const config = readConfig({})
  expect(config).toMatchObject({ server: 'http://localhost:8420', stallMs: 60_000, tokenFile: null })
  expect(config.thresholds).toMatchObject({ minMemoryBytes: 6e8, maxMemoryPercent: 72, maxSwapBytes: 2e8, maxLoad: 2 })
})

it.each([
  ['KITH_SERVER', 'ftp://x'],
  ['KITH_SERVER', 'nonsense'],
  ['KITH_WORKER_MAX_LOAD', 'much'],
  ['KITH_WORKER_MIN_MEMORY_MB', '-1'],
  ['KITH_LOG', 'loud'],
])('names %s when it is %s', (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(ConfigError)
  expect(() => readConfig({ [name]: value })).toThrow(name)
})

it('takes the origin of an address', () => {
  expect(parseServer('https://kith.example.org/join', '--server')).toBe('https://kith.example.org')
})

it('reads nothing that the table in README.md does not name', () => {
  const text = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
  const read = new Set(text('./config.ts').match(/KITH_[A-Z_]+/g))
  const table = text('../README.md')
    .split('\n')
    .filter((line) => line.startsWith('| `KITH_'))
    .join()
  expect(read.size).toBeGreaterThan(10)
  expect([...read].filter((name) => !table.includes(`\`${name}\``))).toEqual([])
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { holdFolder } from './folder-hold.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kith-hold-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

it('is for one at a time, who says for which server, and leaves nothing behind', async () => {
  const first = await holdFolder(folder, 'https://kith.test', 0)
  expect(await holdFolder(folder, 'https://other.test', 0)).toEqual({ heldFor: 'https://kith.test' })
  const waiting = holdFolder(folder, 'https://other.test', 60_000)
  if ('release' in first) await first.release()
  const second = await waiting
  expect(await holdFolder(folder, '', 0)).toEqual({ heldFor: 'https://other.test' })
  if ('release' in second) await second.release()
  expect(readdirSync(folder)).toEqual([])
})

it('is free again when whoever had it was killed', async () => {
  const module = fileURLToPath(new URL('./folder-hold.ts', import.meta.url))
  const program = `const { holdFolder } = await import(${JSON.stringify(module)})
    await holdFolder(${JSON.stringify(folder)}, 'https://kith.test', 0)
    process.stdout.write('holds')
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  expect(await holdFolder(folder, '', 0)).toEqual({ heldFor: 'https://kith.test' })
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(readdirSync(folder)).toEqual(['worker.sock'])
  const hold = await holdFolder(folder, '', 0)
  expect(hold).toHaveProperty('release')
  if ('release' in hold) await hold.release()
})

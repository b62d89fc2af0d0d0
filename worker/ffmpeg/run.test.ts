import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { run } from './run.ts'

const folder = mkdtempSync(join(tmpdir(), 'kith-run-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A program that says nothing, has a child, and never ends. */
function stubborn(): { program: string; pids: () => number[] } {
  const program = join(folder, 'ffmpeg-that-stands-still')
  const notes = join(folder, 'pids')
  writeFileSync(program, `#!/bin/sh\nsleep 600 &\necho $$ $! > ${notes}\nwait\n`)
  chmodSync(program, 0o755)
  return { program, pids: () => readFileSync(notes, 'utf8').trim().split(' ').map(Number) }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** A signal was sent; the system may need a moment to end who got it. */
const gone = (pids: number[]) => vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), 5000)

it('ends a program that makes no progress, and its children', async () => {
  const { program, pids } = stubborn()
  const signal = new AbortController().signal
  const running = run({ program, arguments: [], signal, stallMs: 400, outputBytes: 1000 })
  await expect(running).rejects.toMatchObject({ code: 'job/stalled' })
  await gone(pids())
})

it('ends it within two seconds of a cancel', async () => {
  const { program, pids } = stubborn()
  const cancel = new AbortController()
  const running = run({ program, arguments: [], signal: cancel.signal, stallMs: 60_000, outputBytes: 1000 })
  const refused = expect(running).rejects.toMatchObject({ code: 'job/cancelled' })
  setTimeout(() => cancel.abort(), 300)
  const deadline = AbortSignal.timeout(2500)
  await refused
  expect(deadline.aborted).toBe(false)
  await gone(pids())
})

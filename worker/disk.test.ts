import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { CHEAP, folder, generate, picture, tone } from './fixtures.ts'

const traced = join(folder, 'trace')
const probe = spawnSync('strace', ['-f', '-o', traced, 'true'])
const canTrace = probe.status === 0
if (!canTrace) process.stderr.write('strace is missing or may not trace here: what the worker writes is not watched\n')

/** What `node` keeps for itself, and what is no file of a disk. */
const HARMLESS = /^(\/dev\/|\/proc\/|\/sys\/|pipe:|socket:)/

describe.skipIf(!canTrace)('while a video is converted', () => {
  it('neither the worker nor ffmpeg opens a file for writing', () => {
    generate('secret.mp4', ...picture('640x360', 3), ...tone(3), ...CHEAP)
    const script = `
      import { readFileSync } from 'node:fs'
      import { make } from ${JSON.stringify(fileURLToPath(new URL('./fixtures.ts', import.meta.url)))}
      const made = await make(new Uint8Array(readFileSync(${JSON.stringify(join(folder, 'secret.mp4'))})))
      process.stdout.write(made.document.status)
      process.exit(0)`
    const calls = 'trace=open,openat,creat,rename,renameat,renameat2,link,linkat,truncate,mknod'
    const run = spawnSync(
      'strace',
      ['-f', '-qq', '-e', calls, '-o', traced, process.execPath, '--input-type=module', '-e', script],
      { encoding: 'utf8', env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' } },
    )
    expect(run.stdout, run.stderr).toBe('ready')
    const lines = readFileSync(traced, 'utf8').split('\n')
    // The watch itself works: reading the source and starting ffmpeg were seen.
    expect(lines.some((line) => line.includes('secret.mp4'))).toBe(true)
    expect(lines.some((line) => line.includes('libavcodec'))).toBe(true)
    const writes = lines.filter((line) => /O_WRONLY|O_RDWR|O_CREAT|creat\(|rename|link|truncate\(|mknod/.test(line))
    const files = writes.flatMap((line) => /"([^"]*)"/.exec(line)?.[1] ?? line).filter((path) => !HARMLESS.test(path))
    expect(files).toEqual([])
  }, 120_000)
})

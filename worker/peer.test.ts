import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bytes } from '../shared/format/bytes.ts'
import { createLoopback, type Door, type Loopback } from './loopback.ts'
import { ownerOf } from './peer.ts'

const HEADER =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     '
const line = (from: string, to: string, state: string, uid: number, inode: number) =>
  `   1: ${from} ${to} ${state} 00000000:00000000 00:00000000 00000000 ${String(uid).padStart(5)}        0 ${inode} 1 0000000027d3cbc3 20 4 30 10 -1`
const ffmpeg = { address: '127.0.0.1', port: 0xa95d }
const door = { address: '127.0.0.1', port: 0x20e4 }

describe('the list of connections', () => {
  it('says whose the other end is, in the byte order of the machine', () => {
    const table = [
      HEADER,
      line('0100007F:20E4', '00000000:0000', '0A', 0, 7), // the listener
      line('0100007F:20E4', '0100007F:A95D', '01', 0, 8), // our end of the same connection
      line('0200007F:A95D', '0100007F:20E4', '01', 44, 9), // the same port at another address
      line('0100007F:A95D', '0100007F:20E4', '01', 1001, 10),
    ].join('\n')
    expect(ownerOf(table, ffmpeg, door, 'LE')).toBe(1001)
    expect(ownerOf(table, { ...ffmpeg, address: '127.0.0.2' }, door, 'LE')).toBe(44)
    const big = line('7F000001:A95D', '7F000001:20E4', '01', 1001, 10)
    expect(ownerOf(big, ffmpeg, door, 'BE')).toBe(1001)
  })

  it('shows a closed end as nobody’s, not as root’s', () => {
    const table = line('0100007F:A95D', '0100007F:20E4', '06', 0, 0)
    expect(ownerOf(table, ffmpeg, door, 'LE')).toBe('closed')
  })

  it.each(['', HEADER, 'junk', line('0100007F:A95D', '0100007F:20E5', '01', 1001, 10)])(
    'has no such end: %j',
    (table) => {
      expect(ownerOf(table, ffmpeg, door, 'LE')).toBeNull()
    },
  )
})

const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups']
const mayBecomeAnother =
  process.getuid?.() === 0 && existsSync('/proc/net/tcp') && spawnSync('setpriv', [...NOBODY, 'true']).status === 0
const another = mayBecomeAnother ? 'another user' : 'another user (skipped: needs root, /proc and setpriv)'

describe('a door', () => {
  const plain: Bytes = new TextEncoder().encode('what only its group may see')
  const written: string[] = []
  let loopback: Loopback
  let opened: Door
  beforeAll(async () => {
    loopback = await createLoopback()
    opened = loopback.open({
      source: { sizeBytes: plain.length, read: async (start, end) => plain.slice(start, end) },
      accept: async (name) => void written.push(name),
      onError() {},
      maxOutputBytes: 1000,
    })
  })
  afterAll(async () => {
    opened.close()
    await loopback.close()
  })

  /** What a program that knows the address says of it. */
  const ask = (user: readonly string[], method: string, url: string) =>
    new Promise<string>((resolve) => {
      const script = `fetch(${JSON.stringify(url)}, { method: '${method}', body: '${method}' === 'PUT' ? 'x' : undefined })
        .then(async (reply) => console.log(reply.status, await reply.text()), () => console.log('refused'))`
      const [program = '', ...rest] = [...user, process.execPath, '-e', script]
      const { stdout } = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      stdout.on('data', (data) => (said += data)).on('close', () => resolve(said.trim()))
    })

  it.skipIf(!mayBecomeAnother)(`gives ${another} nothing, who has the address from the list of processes`, async () => {
    expect(await ask([], 'GET', opened.sourceUrl)).toBe('200 what only its group may see')
    expect(await ask(['setpriv', ...NOBODY], 'GET', opened.sourceUrl)).toBe('refused')
  })

  it.skipIf(!mayBecomeAnother)(`takes nothing from ${another}`, async () => {
    expect(await ask(['setpriv', ...NOBODY], 'PUT', `${opened.outputUrl}/poster.webp`)).toBe('refused')
    expect(written).toEqual([])
    expect(await ask([], 'PUT', `${opened.outputUrl}/poster.webp`)).toBe('201')
    expect(written).toEqual(['poster.webp'])
  })

  it('takes what ffmpeg wrote before it ended, also where nobody can tell any more whose it was', async () => {
    written.length = 0
    const { port, pathname } = new URL(`${opened.outputUrl}/tiny.rgba`)
    const request = `PUT ${pathname} HTTP/1.1\\r\\nhost: 127.0.0.1\\r\\ncontent-length: 1\\r\\n\\r\\nx`
    // The connection waits in the kernel until this call returns, and its other end is closed by then.
    const { status } = spawnSync('bash', ['-c', `printf '${request}' > /dev/tcp/127.0.0.1/${port}`])
    expect(status).toBe(0)
    await opened.idle()
    expect(written).toEqual(['tiny.rgba'])
  })
})

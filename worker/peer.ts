import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { endianness } from 'node:os'

/** One end of a TCP connection. */
export type End = { readonly address: string; readonly port: number }

/**
 * Who holds the socket that reaches from `from` to `to`. `closed`: its program has let go of it, and reads nothing any more.
 * `null`: there is none.
 * @param table `/proc/net/tcp`, in which addresses are in the byte order of the machine.
 */
export function ownerOf(table: string, from: End, to: End, order = endianness()): number | 'closed' | null {
  const [local, remote] = [written(from, order), written(to, order)]
  for (const line of table.split('\n')) {
    const fields = line.trim().split(/\s+/)
    if (fields[1] !== local || fields[2] !== remote) continue
    // A socket that nobody holds has no inode, and its user is shown as 0 whoever it was.
    return fields[9] === '0' ? 'closed' : Number(fields[7])
  }
  return null
}

/**
 * Whether a connection to a port on this machine comes from a program of the same user. Whoever may list processes reads
 * ffmpeg's command line, and in it the address of a door. True also where nobody can tell (not Linux), and where
 * the other end is closed already: ffmpeg closes what it wrote at once, and to such an end nothing can be read out.
 */
export function isOwnPeer(socket: Socket): boolean {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  const uid = process.geteuid?.()
  if (uid === undefined) return true
  if (!remoteAddress || !remotePort || !localAddress || !localPort) return false
  for (let attempt = 1; ; attempt++) {
    let table: string
    try {
      table = readFileSync('/proc/net/tcp', 'latin1')
    } catch {
      return true
    }
    const from = { address: remoteAddress, port: remotePort }
    const owner = ownerOf(table, from, { address: localAddress, port: localPort })
    // The table is read in pieces: a line may slip away between two of them.
    if (owner === null && attempt === 1) continue
    return owner === 'closed' || owner === uid
  }
}

function written({ address, port }: End, order: 'BE' | 'LE'): string {
  const bytes = address.split('.').map(Number)
  const host = Buffer.from(order === 'LE' ? bytes.reverse() : bytes).toString('hex')
  return `${host}:${port.toString(16).padStart(4, '0')}`.toUpperCase()
}

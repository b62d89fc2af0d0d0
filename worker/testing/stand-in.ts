import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A call of the program, which stands still until it is answered or ended. */
export type Call = {
  /** Lets it end well, having said this. */
  answer(output: string): void
  /** Resolves when neither it nor a child of it is there any more. */
  readonly gone: Promise<unknown>
}

/** What ffprobe says of a song: there is nothing to convert, and ffmpeg is not needed. */
export const SONG = JSON.stringify({
  streams: [{ index: 0, codec_type: 'audio', codec_name: 'mp3', channels: 2 }],
  format: { duration: '3' },
})

/** A program in place of ffprobe: it has a child, tells that it was called, and makes no step of its own. */
export async function createStandIn(): Promise<{ program: string; called(): Promise<Call>; close(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'kith-stand-in-'))
  const program = join(folder, 'ffprobe')
  const sockets = new Set<Socket>()
  const server = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  // The child holds the line too: it is cut when both are dead, and not before.
  const script = `[[ $* == *-version* ]] && exit\nexec 3<>/dev/tcp/127.0.0.1/${port}\nsleep 600 &\ncat <&3\nkill $!\n`
  writeFileSync(program, `#!/bin/bash\n${script}`)
  chmodSync(program, 0o755)
  return {
    program,
    async called() {
      const [socket] = (await once(server, 'connection')) as [Socket]
      // A cut line may end in an error as well as in silence.
      const gone = new Promise((resolve) => socket.on('error', resolve).on('close', resolve).resume())
      return { answer: (output) => socket.end(output), gone }
    },
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { expect, it } from 'vitest'
import { Unmasked } from './frames.ts'

/** RFC 6455 §5.7: a masked "Hello". */
const HELLO = Buffer.from('818537fa213d7f9f4d5158', 'hex')
/** RFC 6455 §1.3 */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

it('lays a masked frame open, also one that comes byte by byte', () => {
  expect(new Unmasked().push(HELLO).map(String)).toEqual(['Hello'])
  const slow = new Unmasked()
  const said = [...HELLO].flatMap((byte) => slow.push(Buffer.of(byte)))
  expect(said.map(String)).toEqual(['Hello'])
})

it.each([0, 1, 125, 126, 65_535, 65_536, 200_000])('reads what a real WebSocket says in %i bytes', async (length) => {
  const parts: Buffer[] = []
  const server = createServer()
  server.on('upgrade', (request, socket: Socket) => {
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64')
    const headers = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`]
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join('\r\n')}\r\n\r\n`)
    socket.on('data', (part: Buffer) => {
      parts.push(part)
      if (Buffer.concat(parts).length > length + 'last'.length + 8) socket.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const closed = once(client, 'close')
  await once(client, 'open')
  client.send('k'.repeat(length))
  client.send('last')
  await closed
  server.close()
  const passed = Buffer.concat(parts)
  expect(passed.includes('last')).toBe(false)
  expect(new Unmasked().push(passed).map(String)).toEqual(['k'.repeat(length), 'last'])
})

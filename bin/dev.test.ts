import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { createServer } from 'vite'
import { expect, it, vi } from 'vitest'
import { SOCKET_PATH } from '../shared/wire/events.ts'

it('lets live events through to a page that Vite serves', async () => {
  const http = createHttpServer().listen(0, '127.0.0.1')
  const server = new Server(http, { path: SOCKET_PATH })
  server.on('connection', (socket) => socket.emit('worker', 'here'))
  await once(http, 'listening')
  vi.stubEnv('KITH_PORT', String((http.address() as AddressInfo).port))
  const { default: config } = await import('../vite.config.ts')
  const vite = await createServer({
    configFile: false,
    logLevel: 'silent',
    // Nothing of the app is asked for.
    optimizeDeps: { noDiscovery: true },
    server: { proxy: config.server?.proxy ?? {}, host: '127.0.0.1', port: 0, watch: null },
  })
  await vite.listen()
  const options = { path: SOCKET_PATH, transports: ['websocket'], reconnection: false, timeout: 5000 }
  const socket = io(vite.resolvedUrls?.local[0] ?? '', options)
  try {
    const said = await new Promise((resolve, reject) => {
      socket.once('worker', resolve)
      socket.once('connect_error', reject)
    })
    expect(said).toBe('here')
  } finally {
    socket.disconnect()
    await vite.close()
    await server.close()
    vi.unstubAllEnvs()
  }
})

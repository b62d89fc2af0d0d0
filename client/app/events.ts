import type { Socket } from 'socket.io-client'
import * as z from 'zod/mini'
import {
  type ClientEvents,
  clientEvents,
  type ServerEvents,
  SOCKET_PATH,
  serverEvents,
} from '../../shared/wire/events.ts'
import { nextTask } from './next-task.ts'
import { Signal } from './signal.ts'

type Name = keyof ServerEvents
const RETRY_MS = 2000

/** What the server tells in passing. Everything can also be fetched: after a gap, `connected` says to catch up. */
export class Events {
  readonly connected = new Signal(false)
  /** Called when the server takes no session of ours any more. */
  onRefused: () => void = () => undefined
  readonly #listeners = new Map<Name, Set<(payload: never) => void>>()
  #socket: Socket | undefined

  /** Connects, also again: a socket that the server refused does not try by itself. */
  async connect(): Promise<void> {
    if (this.#socket) {
      if (!this.#socket.active) this.#socket.connect()
      return
    }
    const { io } = await import('socket.io-client')
    await nextTask()
    if (this.#socket) return
    const socket = io({ path: SOCKET_PATH, transports: ['websocket'], withCredentials: true })
    this.#socket = socket
    socket.on('connect', () => {
      this.connected.value = true
    })
    // socket.io tries again by itself, but not after a server that stops has said goodbye, or one that starts has refused.
    const again = () => {
      if (!socket.active) setTimeout(() => socket.connect(), RETRY_MS * (1 + Math.random()))
    }
    socket.on('disconnect', () => {
      this.connected.value = false
      again()
    })
    socket.on('connect_error', ({ message }) => {
      // Without a session there is nothing to hear; `connect` is called again with the next one.
      if (message === 'auth/required') this.onRefused()
      else again()
    })
    for (const name of Object.keys(serverEvents) as Name[]) {
      socket.on(name, (payload: unknown) => {
        const parsed = z.safeParse(serverEvents[name], payload)
        if (parsed.success) for (const listener of this.#listeners.get(name) ?? []) listener(parsed.data as never)
      })
    }
  }

  /** Said in passing: lost where there is no connection. */
  send<N extends keyof ClientEvents>(name: N, payload: Parameters<ClientEvents[N]>[0]): void {
    if (this.#socket?.connected) this.#socket.emit(name, z.encode(clientEvents[name], payload))
  }

  /** @returns the end of it. */
  on<N extends Name>(name: N, listener: ServerEvents[N]): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener))
    return () => listeners.delete(listener)
  }
}

import { expect, it } from 'vitest'
import * as z from 'zod/mini'
import { workerMessage } from '../shared/wire/page-sw.ts'
import { openPage } from './open-page.ts'

function browser(pages: number) {
  const done: string[] = []
  const clients = Array.from({ length: pages }, (_, index) => ({
    focus: async () => void done.push(`page ${index} comes to the front`),
    postMessage: (message: unknown) => {
      const told = z.parse(workerMessage, message)
      done.push(`page ${index} goes to ${told.type === 'open' ? told.path : told.type}`)
    },
  }))
  return {
    done,
    clients: {
      matchAll: async () => clients,
      openWindow: async (url: string) => void done.push(`a new page at ${url}`),
    } as unknown as Clients,
  }
}

it('leads the page that is open to the conversation that was tapped', async () => {
  const { clients, done } = browser(2)
  await openPage(clients, '/chats/abc')
  expect(done).toEqual(['page 0 comes to the front', 'page 0 goes to /chats/abc'])
})

it('opens a page there where none is open', async () => {
  const { clients, done } = browser(0)
  await openPage(clients, '/chats/abc')
  expect(done).toEqual(['a new page at /chats/abc'])
})

import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Busy } from './busy.ts'
import { MediaWorker } from './service-worker.ts'

let worker: EventTarget
const said = (data: unknown) => worker.dispatchEvent(Object.assign(new Event('message'), { data }))

beforeEach(() => {
  worker = new EventTarget()
  vi.stubGlobal('navigator', { serviceWorker: worker })
})
afterEach(() => void vi.unstubAllGlobals())

it('hears what the Service Worker says', () => {
  const page = new MediaWorker('/sw.js', 'classic', new Busy())
  const heard: unknown[] = []
  page.onOpen = (path) => heard.push(path)
  page.onMessage((message) => heard.push(message))
  const fault = {
    type: 'media-error',
    mediaId: 'AAECAwQFBgcICQoLDA0ODw',
    objectName: 'original',
    code: 'object/tampered',
  }
  said(fault)
  said({ type: 'open', path: '/chats' })
  expect(heard).toEqual([fault, '/chats'])
  expect(page.needsReload.value).toBeNull()
})

it.each([
  ['a newer one says something new', { type: 'of a newer version' }],
  [
    'a newer one says why in a code of its own',
    { type: 'media-error', mediaId: 'AAECAwQFBgcICQoLDA0ODw', objectName: 'original', code: 'object/new' },
  ],
  ['an older one does not know what this page has said', { type: 'unknown' }],
])('is to be loaded again where %s', (_, message) => {
  const page = new MediaWorker('/sw.js', 'classic', new Busy())
  page.onOpen = () => expect.unreachable()
  page.onMessage(() => expect.unreachable())
  said(message)
  expect(page.needsReload.value).toBe('versions')
})

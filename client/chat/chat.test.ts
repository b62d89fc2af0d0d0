import 'fake-indexeddb/auto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { sealMessages } from '../../shared/crypto/message.ts'
import { newDeviceId, newKey, newMediaId } from '../../shared/crypto/random.ts'
import type { OutboxRow } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'
import { readPreviewKeys } from '../../shared/device/push-store.ts'
import { AppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, MediaId } from '../../shared/format/ids.ts'
import { DEVICES_A_SIDE } from '../../shared/logs/connection-entries.ts'
import { ZERO_HASH } from '../../shared/logs/signed.ts'
import { MESSAGE_MAX_BYTES } from '../../shared/wire/connections.ts'
import { Events } from '../app/events.ts'
import { Signal } from '../app/signal.ts'
import { ModelDevice, type ModelPerson, ModelServer, modelPerson, newConnectionId } from '../testing/chat-world.ts'
import type { Uploads } from '../upload/uploads.ts'
import { bodyOf, placeOf, RowKey } from './rows.ts'
import { ChatStore } from './store.ts'
import type { Message, Thread } from './types.ts'

const DAY_MS = 86_400_000
const devices: ModelDevice[] = []
afterEach(async () => {
  for (const device of devices.splice(0)) await device.crash()
  vi.unstubAllGlobals()
})

async function world() {
  const server = new ModelServer()
  const id = newConnectionId()
  const [anna, ben] = [modelPerson('anna'), modelPerson('ben')]
  const start = async (person: ModelPerson, friend: ModelPerson) => {
    const device = new ModelDevice(server, id, person, friend)
    devices.push(device)
    await device.start()
    await device.chat.catchUp()
    return device
  }
  return { server, id, anna, ben, start, a: await start(anna, ben), b: await start(ben, anna) }
}

const texts = (messages: readonly Message[]) =>
  messages.map(({ content }) => (content.type === 'text' ? content.text : content.type))

async function shown(device: ModelDevice, id: ConnectionId): Promise<readonly Message[]> {
  await device.chat.settled()
  const thread = await device.chat.open(id)
  const messages = await thread.read(0, thread.total.value)
  thread.close()
  return messages
}

async function say(device: ModelDevice, id: ConnectionId, act: (thread: Thread) => Promise<void>): Promise<void> {
  const thread = await device.chat.open(id)
  await act(thread)
  thread.close()
  await device.chat.settled()
}

async function last(device: ModelDevice, id: ConnectionId): Promise<Message> {
  const message = (await shown(device, id)).at(-1)
  if (!message) throw new Error('nothing is shown')
  return message
}

/** A message with a file that is at the server already. */
async function sayMedia(device: ModelDevice, id: ConnectionId, mediaId = newMediaId()): Promise<MediaId> {
  const media = { mediaId, contentKey: newKey(), kind: 'file', name: 'canary', type: '', sizeBytes: 1 } as const
  await device.chat.outbox.add(id, 'media', { media: { ...media, hasThumb: false } })
  await device.chat.settled()
  return mediaId
}

/** Items whose keys a device keeps. */
const keysOn = async (device: ModelDevice) => (await device.snapshot()).get('granted')?.keys

/** Resolves once everything that disappeared is told to the vault and to the server. */
async function caughtUp(devices: readonly ModelDevice[]): Promise<void> {
  // Twice: what one has told is news to the others.
  for (const device of [...devices, ...devices]) {
    await device.chat.catchUp()
    await device.chat.outbox.kickAll()
    await device.chat.settled()
  }
}

/** The message that is shown last. */
async function deleteHere(device: ModelDevice, id: ConnectionId): Promise<void> {
  const { key } = await last(device, id)
  await say(device, id, async (thread) => {
    await thread.read(0, thread.total.value)
    await thread.deleteHere(key)
  })
}

const refIn = (message: Message) => {
  if (!message.ref) throw new Error('not sealed yet')
  return message.ref
}

describe('talking', () => {
  it('shows what was sent on every device, in one order', async () => {
    const { id, a, b, anna, ben, start } = await world()
    await say(a, id, (thread) => thread.sendText('one'))
    await b.chat.catchUp()
    await say(b, id, (thread) => thread.sendText('two'))
    await a.chat.catchUp()
    const a2 = await start(anna, ben)
    for (const device of [a, b, a2]) expect(texts(await shown(device, id))).toEqual(['one', 'two'])
    expect((await shown(a, id)).map(({ isMine }) => isMine)).toEqual([true, false])
    expect((await shown(a2, id)).map(({ isMine }) => isMine)).toEqual([true, false])
  })

  it('applies replies, edits and reactions, and only their newest', async () => {
    const { id, a, b } = await world()
    await say(a, id, (thread) => thread.sendText('frist'))
    await b.chat.catchUp()
    const ref = refIn(await last(b, id))
    await say(b, id, (thread) => thread.react(ref, '👍'))
    await say(b, id, (thread) => thread.react(ref, '🎉'))
    await say(b, id, (thread) => thread.sendText('yes', { reply: ref }))
    await say(a, id, (thread) => thread.edit(ref, 'first'))
    await a.chat.catchUp()
    await b.chat.catchUp()
    for (const device of [a, b]) {
      const [message, reply] = await shown(device, id)
      expect(message).toMatchObject({ content: { type: 'text', text: 'first' }, isEdited: true })
      expect(message?.reactions).toEqual([{ emoji: '🎉', isMine: device === b }])
      expect(reply?.reply).toEqual(ref)
    }
    await say(b, id, (thread) => thread.react(ref, null))
    await a.chat.catchUp()
    expect((await shown(a, id))[0]?.reactions).toEqual([])
  })

  it('lets nobody edit or delete what somebody else said', async () => {
    const { id, a, b } = await world()
    await say(a, id, (thread) => thread.sendText('mine'))
    await b.chat.catchUp()
    const ref = refIn(await last(b, id))
    const thread = await b.chat.open(id)
    await expect(thread.edit(ref, 'yours')).rejects.toMatchObject({ code: 'connection/forbidden' })
    // A friend whose program was changed sends it all the same.
    await b.chat.outbox.add(id, 'edit', { target: ref, text: 'yours' })
    await b.chat.outbox.add(id, 'delete', { target: ref, hash: new Uint8Array(32) })
    await b.chat.settled()
    await a.chat.catchUp()
    expect(texts(await shown(a, id))).toEqual(['mine'])
  })

  it('takes a message back for both, and leaves nothing of it on the devices or at the server', async () => {
    const { id, a, b, server, ben, anna, start } = await world()
    await say(a, id, (thread) => thread.sendText('canary-deleted'))
    await b.chat.catchUp()
    const ref = refIn(await last(a, id))
    await say(b, id, (thread) => thread.react(ref, '👍'))
    await a.chat.catchUp()
    await say(a, id, (thread) => thread.deleteForBoth(ref))
    await b.chat.catchUp()
    expect(server.rows[0]?.sealed).toBeNull()
    for (const device of [a, b]) expect(texts(await shown(device, id))).toEqual(['deleted'])
    // A device that comes later knows that it is gone on purpose: nothing is missing.
    const b2 = await start(ben, anna)
    server.now += 60_000
    await b2.chat.catchUp()
    await shown(b2, id)
    expect(b2.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
  })

  it('counts what is not read, and agrees about it with one’s other devices', async () => {
    const { id, a, b, ben, anna, start } = await world()
    for (const text of ['one', 'two', 'three']) await say(a, id, (thread) => thread.sendText(text))
    await b.chat.catchUp()
    await b.chat.settled()
    expect(b.chat.unread.value).toBe(3)
    const thread = await b.chat.open(id)
    expect(await thread.firstUnread()).toBe(0)
    await thread.markRead(1)
    await b.chat.settled()
    expect(b.chat.unread.value).toBe(1)
    expect(await thread.firstUnread()).toBe(2)
    await b.chat.receipts.tell(id)
    const b2 = await start(ben, anna)
    await b2.chat.settled()
    expect(b2.chat.unread.value).toBe(1)
    await a.chat.catchUp()
    expect((await shown(a, id)).map(({ state }) => state)).toEqual(['read', 'read', 'delivered'])
    expect(a.chat.conversations.value[0]).toMatchObject({ hasConfirmed: true, lastConfirmedAt: expect.any(Number) })
    expect(b.chat.conversations.value[0]).toMatchObject({ hasConfirmed: false, lastConfirmedAt: null })
  })

  it('tells what has come and not what was read, where the person tells no more', async () => {
    const { id, a, b } = await world()
    b.tellsRead = false
    await say(a, id, (thread) => thread.sendText('one'))
    await b.chat.catchUp()
    await say(b, id, (thread) => thread.markRead(0))
    await b.chat.receipts.tell(id)
    expect(b.chat.unread.value).toBe(0)
    await a.chat.catchUp()
    expect((await last(a, id)).state).toBe('delivered')
    b.tellsRead = true
    await b.chat.receipts.tell(id)
    await a.chat.catchUp()
    expect((await last(a, id)).state).toBe('read')
  })

  it('changes, adds and takes away what is written beside a photo', async () => {
    const { id, a, b } = await world()
    const media = { mediaId: newMediaId(), contentKey: newKey(), kind: 'photo', name: 'garden', type: '' } as const
    await a.chat.outbox.add(id, 'media', { media: { ...media, sizeBytes: 1, hasThumb: false } })
    await a.chat.settled()
    const ref = refIn(await last(a, id))
    for (const caption of ['In May', 'In June', '']) {
      await say(a, id, (thread) => thread.edit(ref, caption))
      await b.chat.catchUp()
      const { content, isEdited } = await last(b, id)
      expect([content.type === 'media' && content.text, isEdited]).toEqual([caption, true])
    }
  })

  it('names no more than the newest 256 edits of what it deletes, so that the deletion can be sent', async () => {
    const { id, a, anna } = await world()
    await say(a, id, (thread) => thread.sendText('draft'))
    const target = refIn(await last(a, id))
    await say(a, id, (thread) => thread.edit(target, 'another'))
    const db = a.database
    const store = new ChatStore(async () => db, await RowKey.from(anna.secrets.accountKey))
    const [edit] = await store.effectsOn(id, placeOf(target))
    if (!edit) throw new Error('no edit')
    const more = Array.from({ length: 299 }, (_, index) => {
      const counter = index + 3
      return {
        row: { ...edit.row, place: placeOf({ ...target, counter }) },
        saved: { ...edit.saved, seq: edit.saved.seq + counter },
      }
    })
    await store.commit(id, { effects: more })
    a.line.isUp = false
    await a.chat.outbox.addDeletion(id, target)
    const [waiting] = await store.outbox(id)
    const named = bodyOf('delete', waiting?.content.body ?? '').edits?.map(({ counter }) => counter)
    expect(named).toEqual(Array.from({ length: 256 }, (_, index) => 301 - index))
  })

  it.each([
    ['three bytes each', '水'.repeat(20_000), true],
    ['one more', 'a'.repeat(20_001), false],
    ['that take six bytes each', '\u0001'.repeat(20_000), false],
  ])('sends as many characters as a message holds, and refuses what would not fit: %s', async (_, text, fits) => {
    const { id, a, b, server } = await world()
    const thread = await a.chat.open(id)
    if (!fits) {
      await expect(thread.sendText(text)).rejects.toMatchObject({ code: 'message/too-large' })
      expect(await shown(a, id)).toEqual([])
      return
    }
    await thread.sendText(text)
    const ref = refIn(await last(a, id))
    expect(server.rows[0]?.sealed?.length).toBeLessThanOrEqual(MESSAGE_MAX_BYTES)
    await b.chat.catchUp()
    expect(texts(await shown(b, id))).toEqual([text])
    await expect(thread.edit(ref, `${text}a`)).rejects.toMatchObject({ code: 'message/too-large' })
  })

  it('keeps a draft that is too long for a message whole', async () => {
    const { id, a } = await world()
    const long = 'a'.repeat(50_000)
    await say(a, id, (thread) => thread.saveDraft(long))
    await a.restart()
    expect(a.chat.conversations.value[0]?.draft).toBe(long)
  })

  it('takes no text for a draft that was sent while it was written down as one', async () => {
    const { id, a } = await world()
    const thread = await a.chat.open(id)
    const drafting = [thread.saveDraft('abc'), thread.saveDraft('abcd')]
    await Promise.all([thread.sendText('abcd'), ...drafting])
    await a.chat.settled()
    expect(a.chat.conversations.value[0]?.draft).toBe('')
    expect(texts(await shown(a, id))).toEqual(['abcd'])
  })

  it('keeps drafts sealed', async () => {
    const { id, a } = await world()
    await say(a, id, (thread) => thread.saveDraft('canary-draft'))
    expect(a.chat.conversations.value[0]?.draft).toBe('canary-draft')
    await a.restart()
    expect(a.chat.conversations.value[0]?.draft).toBe('canary-draft')
    const lying = JSON.stringify([...(await a.snapshot()).values()].map(({ values }) => values.map(String)))
    expect(lying).not.toContain('canary')
  })

  it('finds text on the device', async () => {
    const { id, a } = await world()
    for (const text of ['Apple pie', 'pears', 'more apples']) await say(a, id, (thread) => thread.sendText(text))
    const thread = await a.chat.open(id)
    expect(await thread.search('APPLE')).toEqual([2, 0])
    expect(texts((await a.chat.search('pear')).map(({ message }) => message))).toEqual(['pears'])
  })

  it('deletes on this device alone: others show it, and keep the secret of its epoch until its time is over', async () => {
    const { id, a, b, ben, anna, server, start } = await world()
    await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
    const media = await sayMedia(a, id)
    await b.chat.catchUp()
    const b2 = await start(ben, anna)
    expect(await keysOn(b)).toEqual([media])
    await deleteHere(b, id)
    await deleteHere(b, id)
    await caughtUp([b])
    expect(await shown(b, id)).toEqual([])
    expect(await keysOn(b)).toEqual([])
    expect((await b.snapshot()).get('messages')?.values).toEqual([])
    expect(server.epochs).toHaveLength(1)
    for (const device of [a, b2]) expect(texts(await shown(device, id))).toEqual(['settings', 'media'])
    expect(texts(await shown(await start(ben, anna), id))).toEqual(['settings', 'media'])
    server.pass(DAY_MS)
    await b.restart()
    await caughtUp([b])
    expect([...ben.vault.forgotten]).toEqual([0])
    expect(ben.vault.floors).toMatchObject([{ from: 1, counter: 2 }])
  })

  it.each(['with a reaction of the friend', 'and is then deleted for both by another device'])(
    'what is deleted on this device %s stays away',
    async (what) => {
      const { id, a, b, ben, anna, start } = await world()
      await say(a, id, (thread) => thread.sendText('gone here'))
      await b.chat.catchUp()
      const a2 = await start(anna, ben)
      const ref = refIn(await last(a, id))
      await deleteHere(a, id)
      if (what.startsWith('with')) await say(b, id, (thread) => thread.react(ref, '👍'))
      else await say(a2, id, (thread) => thread.deleteForBoth(ref))
      await caughtUp([a, b])
      expect(await shown(a, id)).toEqual([])
      expect(a.chat.conversations.value[0] ?? { missing: 0, fault: null }).toMatchObject({ missing: 0, fault: null })
    },
  )

  it('deletes what was edited for both: nothing of its edits stays at the server, and nobody misses them', async () => {
    const { id, a, b, server, ben, anna, start } = await world()
    await say(a, id, (thread) => thread.sendText('first'))
    const ref = refIn(await last(a, id))
    for (const text of ['second', 'third']) await say(a, id, (thread) => thread.edit(ref, text))
    await b.chat.catchUp()
    a.line.cut = (when, call) => when === 'before' && call.endsWith('/messages')
    await say(a, id, (thread) => thread.edit(ref, 'never sent'))
    await say(a, id, (thread) => thread.deleteForBoth(ref))
    a.line.cut = () => false
    await a.chat.outbox.kickAll()
    await a.chat.settled()
    expect(server.rows.map(({ sealed }) => sealed === null)).toEqual([true, true, true, false])
    await b.chat.catchUp()
    server.now += 60_000
    for (const device of [a, b, await start(ben, anna)]) {
      await device.chat.catchUp()
      await shown(device, id)
      expect(device.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
    }
    expect(texts(await shown(b, id))).toEqual(['deleted'])
  })
})

it('lets nobody write any more where the friendship ends before anything was said', async () => {
  const { id, a } = await world()
  const { conversation } = await a.chat.open(id)
  expect(conversation.value.canSend).toBe(true)
  a.connections.end()
  await conversation.until(({ canSend }) => !canSend)
  expect(a.chat.conversations.value).toEqual([])
})

describe('without network', () => {
  it('asks what came, and sends what waited, once the socket is there again', async () => {
    const { id, a, b } = await world()
    vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'hidden' }))
    for (const name of ['addEventListener', 'removeEventListener']) vi.stubGlobal(name, () => undefined)
    const connected = new Signal(true)
    const events = { connected, on: () => () => undefined } as unknown as Events
    b.chat.connect({ events, uploads: { all: new Signal(new Map()) } as unknown as Uploads })
    await b.chat.settled()
    connected.value = false
    b.line.isUp = false
    const thread = await b.chat.open(id)
    await thread.sendText('written away')
    await b.chat.settled()
    await say(a, id, (hers) => hers.sendText('said meanwhile'))
    b.line.isUp = true
    connected.value = true
    await thread.total.until((total) => total === 2)
    await b.chat.settled()
    expect(texts(await shown(b, id)).sort()).toEqual(['said meanwhile', 'written away'])
    expect((await shown(b, id)).map(({ state }) => state).sort()).toEqual([null, 'sent'])
    await a.chat.catchUp()
    expect(texts(await shown(a, id)).sort()).toEqual(['said meanwhile', 'written away'])
  })

  it.each(['online', 'focus', 'visibilitychange'])('goes on by itself at %s, without a socket', async (what) => {
    const { id, a, b } = await world()
    const page = new EventTarget()
    for (const name of ['addEventListener', 'removeEventListener'] as const) vi.stubGlobal(name, page[name].bind(page))
    const looks = Object.assign(new EventTarget(), { visibilityState: 'hidden' })
    vi.stubGlobal('document', looks)
    const happens = () => (what === 'visibilitychange' ? looks : page).dispatchEvent(new Event(what))
    b.chat.connect({ events: new Events(), uploads: { all: new Signal(new Map()) } as unknown as Uploads })
    b.line.isUp = false
    const thread = await b.chat.open(id)
    await thread.sendText('written away')
    await b.chat.settled()
    await say(a, id, (hers) => hers.sendText('said meanwhile'))
    b.line.isUp = true
    if (what === 'visibilitychange') {
      // Nobody looks: it goes to the back.
      happens()
      await b.chat.settled()
      expect((await last(b, id)).state).toBe('waiting')
      looks.visibilityState = 'visible'
    }
    happens()
    await thread.total.until((total) => total === 2)
    await b.chat.settled()
    expect((await shown(b, id)).map(({ state }) => state).sort()).toEqual([null, 'sent'])
    await a.chat.catchUp()
    expect(texts(await shown(a, id)).sort()).toEqual(['said meanwhile', 'written away'])
  })

  it('waits, too, in a conversation that is not known again yet: nobody refused it', async () => {
    const { id, b, server, anna, ben } = await world()
    const a2 = new ModelDevice(server, id, anna, ben)
    devices.push(a2)
    await a2.start()
    const { list } = a2.connections
    const known = list.value
    list.value = []
    await a2.chat.outbox.add(id, 'text', { text: 'early' })
    await a2.chat.settled()
    list.value = known
    await a2.chat.catchUp()
    expect((await last(a2, id)).state).toBe('sent')
    await b.chat.catchUp()
    expect(texts(await shown(b, id))).toEqual(['early'])
  })

  it('keeps what was written, and sends it once, in order', async () => {
    const { id, a, b, server } = await world()
    a.line.isUp = false
    for (const text of ['one', 'two', 'three']) await say(a, id, (thread) => thread.sendText(text))
    expect((await shown(a, id)).map(({ state }) => state)).toEqual(['waiting', 'waiting', 'waiting'])
    await a.restart()
    expect(texts(await shown(a, id))).toEqual(['one', 'two', 'three'])
    a.line.isUp = true
    await a.chat.catchUp()
    await a.chat.settled()
    expect(server.rows).toHaveLength(3)
    await b.chat.catchUp()
    expect(texts(await shown(b, id))).toEqual(['one', 'two', 'three'])
    expect((await shown(a, id)).map(({ state }) => state)).toEqual(['sent', 'sent', 'sent'])
  })

  it('sends the same bytes again after an answer was lost', async () => {
    const { id, a, b, server } = await world()
    let cuts = 1
    a.line.cut = (when, call) => when === 'after' && call.endsWith('/messages') && cuts-- > 0
    await say(a, id, (thread) => thread.sendText('once'))
    expect((await shown(a, id)).map(({ state }) => state)).toEqual(['waiting'])
    a.chat.outbox.kick(id)
    await a.chat.settled()
    expect(server.rows).toHaveLength(1)
    await b.chat.catchUp()
    expect(texts(await shown(b, id))).toEqual(['once'])
    expect((await shown(a, id)).map(({ state }) => state)).toEqual(['sent'])
  })

  it('takes its own message from the server when it died before the answer', async () => {
    const { id, a, server } = await world()
    a.line.cut = (when, call) => when === 'after' && call.endsWith('/messages')
    await say(a, id, (thread) => thread.sendText('once'))
    a.line.cut = () => false
    const { key } = await last(a, id)
    await a.chat.catchUp()
    await a.chat.settled()
    expect(await last(a, id)).toMatchObject({ key, state: 'sent' })
    expect(server.rows).toHaveLength(1)
  })

  it.each([
    'the answer to the deletion is lost',
    'the program dies before the answer',
    'Background Sync sends the deletion',
    'the answer to the erasure is lost',
  ])('erases at the server what is deleted for both, and ends the friend’s access, when %s', async (what) => {
    const { id, a, b, server, anna } = await world()
    const mediaId = await sayMedia(a, id)
    await b.chat.catchUp()
    for (const device of [a, b]) expect(await keysOn(device)).toEqual([mediaId])
    const ref = refIn(await last(a, id))
    const isErasure = what === 'the answer to the erasure is lost'
    const when = what === 'Background Sync sends the deletion' ? 'before' : 'after'
    a.line.cut = (now, call) => now === when && call.endsWith(isErasure ? '/:seq' : '/messages')
    await say(a, id, (thread) => thread.deleteForBoth(ref))
    if (when === 'before') {
      const [row] = ((await a.snapshot()).get('outbox')?.values ?? []) as OutboxRow[]
      if (row?.message) server.send(anna.secrets.userId, row.message.bytes, null)
    }
    a.line.cut = () => false
    if (what === 'the program dies before the answer') await a.restart()
    await a.chat.catchUp()
    await a.chat.outbox.kickAll()
    await a.chat.settled()
    expect(server.rows.map(({ sealed }) => sealed === null)).toEqual([true, false])
    expect(server.revoked).toContain(mediaId)
    expect((await a.snapshot()).get('outbox')?.values).toEqual([])
    await b.chat.catchUp()
    for (const device of [a, b]) {
      expect(await keysOn(device)).toEqual([])
      expect(texts(await shown(device, id))).toEqual(['deleted'])
      expect(device.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
    }
  })

  it('seals anew what the friend’s rotation made stale', async () => {
    const { id, a, b, server } = await world()
    await say(a, id, (thread) => thread.sendText('before'))
    a.line.cut = (when, call) => when === 'before' && call.endsWith('/messages')
    await say(a, id, (thread) => thread.sendText('late one'))
    await say(a, id, (thread) => thread.sendText('late two'))
    b.connections.isRotationDue = true
    await b.chat.catchUp()
    await say(b, id, (thread) => thread.sendText('rotated'))
    a.line.cut = () => false
    a.chat.outbox.kick(id)
    await a.chat.settled()
    expect(server.rows.map(({ counter }) => counter)).toEqual([1, 1, 2, 3])
    await b.chat.catchUp()
    expect(texts(await shown(b, id)).sort()).toEqual(['before', 'late one', 'late two', 'rotated'])
    expect(b.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
  })

  it('waits for the person where it is refused, and leaves no hole behind', async () => {
    const { id, a, b, server } = await world()
    await say(a, id, (thread) => thread.sendText('fine'))
    server.refuses = true
    await say(a, id, (thread) => thread.sendText('refused'))
    const failed = await last(a, id)
    expect(failed).toMatchObject({ state: 'failed', problem: { code: 'connection/refused' } })
    server.refuses = false
    await say(a, id, (thread) => thread.takeBack(failed.key))
    await say(a, id, (thread) => thread.sendText('after'))
    await b.chat.catchUp()
    server.now += 60_000
    await b.chat.catchUp()
    expect(texts(await shown(b, id))).toEqual(['fine', 'after'])
    expect(b.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
  })

  it('never seals a second message for a counter after an old copy of the device came back', async () => {
    const { id, a, b, server } = await world()
    await say(a, id, (thread) => thread.sendText('one'))
    const copy = await a.snapshot()
    await say(a, id, (thread) => thread.sendText('two'))
    await a.restore(copy)
    await a.chat.catchUp()
    await say(a, id, (thread) => thread.sendText('three'))
    expect(new Set(server.rows.map(({ deviceId, counter }) => `${deviceId}.${counter}`)).size).toBe(3)
    await b.chat.catchUp()
    for (const device of [a, b]) expect(texts(await shown(device, id))).toEqual(['one', 'two', 'three'])
  })
})

/** What a friend sends whose program was changed: signed as it should be. */
async function forge(server: ModelServer, id: ConnectionId, by: ModelPerson, lamport: number, body: object) {
  const { userId: senderId, identitySeed } = by.secrets
  const [messageSecret] = server.epochs
  if (!messageSecret) throw new Error('no epoch')
  const place = { connectionId: id, epoch: 0, senderId, deviceId: newDeviceId(), counter: 1, lamport }
  const chain = { prev: ZERO_HASH, ack: ZERO_HASH, messageSecret, identitySeed }
  const [sealed] = await sealMessages([{ ...place, ...chain, type: 'text', body: JSON.stringify(body) }])
  if (sealed) server.send(senderId, sealed.bytes, null)
}

describe('a malicious friend', () => {
  it.each([8_640_000_000_000_001, Number.MAX_SAFE_INTEGER])(
    'writes at a time that no calendar has (%i): refused, and the list of chats is still shown',
    async (sentAt) => {
      const { id, a, server, ben } = await world()
      await forge(server, id, ben, 1, { text: 'x', sentAt })
      await a.chat.catchUp()
      expect(await shown(a, id)).toEqual([])
      expect(a.chat.conversations.value[0]?.fault?.code).toBe('message/tampered')
    },
  )

  it('shows the last moment that a calendar has', async () => {
    const { id, a, server, ben } = await world()
    await forge(server, id, ben, 1, { text: 'x', sentAt: 8_640_000_000_000_000 })
    await a.chat.catchUp()
    expect(new Date((await last(a, id)).sentAt).toISOString()).toBe('+275760-09-13T00:00:00.000Z')
  })

  it.each([2 ** 32 + 1, Number.MAX_SAFE_INTEGER])(
    'uses up the count of the conversation (%i): refused, and one still writes',
    async (lamport) => {
      const { id, a, b, server, ben } = await world()
      await forge(server, id, ben, lamport, { text: 'x' })
      await a.chat.catchUp()
      expect(await shown(a, id)).toEqual([])
      expect(a.chat.conversations.value[0]?.fault?.code).toBe('message/tampered')
      await say(a, id, (thread) => thread.sendText('still here'))
      await b.chat.catchUp()
      expect(texts(await shown(b, id))).toContain('still here')
    },
  )
})

describe('a malicious server', () => {
  it('drops a message in the middle: it is missing after 30 s, and there again once it comes', async () => {
    const { id, a, b, server } = await world()
    for (const text of ['one', 'two', 'three']) await say(a, id, (thread) => thread.sendText(text))
    const rows = server.rows.slice()
    server.rows.splice(1, 1)
    await b.chat.catchUp()
    expect(texts(await shown(b, id))).toEqual(['one', 'three'])
    expect(b.chat.conversations.value[0]?.missing).toBe(0)
    server.now += 31_000
    await b.chat.catchUp()
    await shown(b, id)
    expect(b.chat.conversations.value[0]?.missing).toBe(1)
    server.rows.splice(0, 3, ...rows)
    await b.restart()
  })

  /** Ben has spoken with Anna of things that disappear; then she sends three that do not, and the second is dropped. */
  async function dropped(before: (b: ModelDevice, server: ModelServer) => Promise<void>, counter?: number) {
    const { id, a, b, server } = await world()
    for (const after of [DAY_MS, null] as const) {
      await say(a, id, (thread) => thread.setDisappearing(after))
      await b.chat.catchUp()
    }
    await before(b, server)
    for (const text of ['one', 'dropped', 'three']) await say(a, id, (thread) => thread.sendText(text))
    const row = server.rows.at(-2)
    if (row) server.rows.splice(-2, 1, { ...row, counter: counter ?? row.counter, sealed: null, expiresAt: 1 })
    await b.chat.catchUp()
    server.now += 60_000
    await b.chat.catchUp()
    const written = texts(await shown(b, id))
    expect(written.slice(-2)).toEqual(['one', 'three'])
    await say(b, id, (thread) => thread.markRead(written.length - 1))
    await b.chat.receipts.tell(id)
    await a.chat.catchUp()
    const told = (await shown(a, id)).slice(-3).map(({ state }) => state)
    return { told, missing: b.chat.conversations.value[0]?.missing, fault: b.chat.conversations.value[0]?.fault }
  }

  async function away(_: ModelDevice, server: ModelServer): Promise<void> {
    server.now += 3 * DAY_MS
  }

  it.each<[string, (b: ModelDevice, server: ModelServer) => Promise<void>]>([
    ['at once', async () => undefined],
    [
      'after a device that was there had nothing to fetch for days',
      async (b, server) => {
        b.connections.isQuiet = true
        server.now += 3 * DAY_MS
        await b.chat.catchUp()
        b.connections.isQuiet = false
      },
    ],
    [
      'after a device’s clock was ahead',
      async (b, server) => {
        server.now += 10 * DAY_MS
        await b.chat.catchUp()
        server.now -= 10 * DAY_MS
      },
    ],
  ])('says of a new message that its time is over, %s: it is missing, and told as sent', async (_, before) => {
    expect(await dropped(before)).toEqual({ told: ['read', 'sent', 'sent'], missing: 1, fault: null })
  })

  it('says so to a device that was away for a day: nobody hears that it was received', async () => {
    expect(await dropped(away)).toEqual({ told: ['read', 'sent', 'read'], missing: 0, fault: null })
  })

  it('says so of a number that nobody has come to: the conversation does not wait for all before it', async () => {
    const { missing } = await dropped(away, Number.MAX_SAFE_INTEGER)
    expect(missing).toBeLessThan(100)
  })

  it('replays a message: shown once', async () => {
    const { id, a, b, server } = await world()
    await say(a, id, (thread) => thread.sendText('once'))
    const [row] = server.rows
    if (row) server.rows.push({ ...row, seq: 2 })
    await b.chat.catchUp()
    await b.chat.catchUp()
    expect(texts(await shown(b, id))).toEqual(['once'])
  })

  it('reorders messages: the order stays', async () => {
    const { id, a, b, server } = await world()
    for (const text of ['one', 'two', 'three']) await say(a, id, (thread) => thread.sendText(text))
    server.rows.reverse()
    for (const [index, row] of server.rows.entries()) server.rows[index] = { ...row, seq: index + 1 }
    await b.chat.catchUp()
    expect(texts(await shown(b, id))).toEqual(['one', 'two', 'three'])
    expect(b.chat.conversations.value[0]?.fault).toBeNull()
  })

  it.each([
    ['edits a header', 'message/tampered'],
    ['names another device beside it', 'message/misplaced'],
    ['brings one that came after the end of its epoch', 'message/after-close'],
  ])('%s: %s, and nothing of it is shown', async (attack, code) => {
    const { id, a, b, server } = await world()
    await say(a, id, (thread) => thread.sendText('good'))
    const [row] = server.rows
    if (!row?.sealed) throw new Error('nothing was sent')
    if (attack === 'edits a header') {
      const sealed = row.sealed.slice()
      sealed[64] = (sealed[64] ?? 0) ^ 1
      server.rows[0] = { ...row, sealed }
    }
    if (attack === 'names another device beside it') server.rows[0] = { ...row, counter: 7 }
    if (attack === 'brings one that came after the end of its epoch') {
      server.rows.length = 0
      server.rotate(0, 0)
      server.rows.push(row)
    }
    await b.chat.catchUp()
    expect(await shown(b, id)).toEqual([])
    expect(b.chat.conversations.value[0]?.fault?.code ?? b.chat.conversations.value).toBe(code)
  })

  it('hides one’s own message from the friend: it waits for the person again', async () => {
    const { id, a, b, server } = await world()
    await say(a, id, (thread) => thread.sendText('hidden'))
    // Acknowledged, and shown to nobody: the friend's rotation closes the epoch without it.
    const [row] = server.rows.splice(0)
    server.rotate(0, 0)
    await b.chat.catchUp()
    await say(b, id, (thread) => thread.sendText('hello'))
    await a.chat.catchUp()
    const failed = (await shown(a, id)).find(({ state }) => state === 'failed')
    expect(failed).toMatchObject({ content: { text: 'hidden' }, problem: { code: 'message/after-close' } })
    expect(row).toBeDefined()
    await say(a, id, (thread) => thread.retry(failed?.key ?? ''))
    await b.chat.catchUp()
    expect(texts(await shown(b, id)).sort()).toEqual(['hello', 'hidden'])
  })

  it('hides one’s own messages while more is written: all of it waits, in the order it was written', async () => {
    const { id, a, b, server } = await world()
    for (const text of ['hidden', 'hidden too']) await say(a, id, (thread) => thread.sendText(text))
    server.rows.length = 0
    server.rotate(0, 0)
    await b.chat.catchUp()
    await say(b, id, (thread) => thread.sendText('hello'))
    a.line.isUp = false
    for (const text of ['offline', 'offline too']) await say(a, id, (thread) => thread.sendText(text))
    a.line.isUp = true
    await a.chat.catchUp()
    await a.chat.settled()
    const failed = (await shown(a, id)).filter(({ state }) => state === 'failed')
    expect(texts(failed)).toEqual(['hidden', 'hidden too'])
    for (const { key } of failed) await say(a, id, (thread) => thread.retry(key))
    await b.chat.catchUp()
    expect(texts(await shown(b, id)).sort()).toEqual(['hello', 'hidden', 'hidden too', 'offline', 'offline too'])
    expect(b.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
  })

  it('rolls a receipt back: refused', async () => {
    const { id, a, b, server } = await world()
    await say(a, id, (thread) => thread.sendText('one'))
    await b.chat.catchUp()
    await b.chat.receipts.tell(id)
    const old = [...server.receipts]
    await say(a, id, (thread) => thread.sendText('two'))
    await b.chat.catchUp()
    await b.chat.receipts.tell(id)
    await a.chat.catchUp()
    for (const [key, receipt] of old) server.receipts.set(key, receipt)
    await a.chat.catchUp()
    expect((await shown(a, id)).map(({ state }) => state)).toEqual(['delivered', 'delivered'])
    expect(a.chat.conversations.value[0]?.fault?.code).toBe('receipt/rollback')
  })
})

describe('a friend who writes from ever more devices', () => {
  /** As no program of ours would send it. */
  const forge = async ({ server, id, ben }: Awaited<ReturnType<typeof world>>, deviceId = newDeviceId()) => {
    const { userId: senderId, identitySeed } = ben.secrets
    const epoch = server.epochs.length - 1
    const place = { connectionId: id, epoch, senderId, deviceId, counter: 1, lamport: 5, prev: ZERO_HASH }
    const body = JSON.stringify({ text: 'x', sentAt: 1, ttlMs: null })
    const messageSecret = server.epochs[epoch] as Bytes
    const said = { ...place, ack: ZERO_HASH, type: 'text', body, messageSecret, identitySeed } as const
    const [message] = await sealMessages([said])
    server.send(senderId, message?.bytes as Bytes, null)
    return deviceId
  }

  it('is heard from so many of them only as the other one can close', async () => {
    const made = await world()
    const { a, id } = made
    for (let device = 0; device < DEVICES_A_SIDE; device++) await forge(made)
    await a.chat.catchUp()
    expect(await shown(a, id)).toHaveLength(DEVICES_A_SIDE)
    expect(a.chat.conversations.value[0]?.fault).toBeNull()
    for (let device = 0; device < 10; device++) await forge(made)
    await a.chat.catchUp()
    expect(await shown(a, id)).toHaveLength(DEVICES_A_SIDE)
    expect(a.chat.conversations.value[0]?.fault?.code).toBe('message/too-many-devices')
    expect((await a.chat.inbox.sent(id)).counters).toHaveLength(DEVICES_A_SIDE)
  })

  it('is heard from others again once the keys have changed', async () => {
    const made = await world()
    const { a, id, server } = made
    for (let device = 0; device < DEVICES_A_SIDE; device++) await forge(made)
    await a.chat.catchUp()
    server.rotate(0, server.rows.length)
    await forge(made)
    await a.chat.catchUp()
    expect(await shown(a, id)).toHaveLength(DEVICES_A_SIDE + 1)
    expect(a.chat.conversations.value[0]?.fault).toBeNull()
  })

  it('and whose server says so of one’s own: what was refused goes out under the next keys', async () => {
    const { a, b, id, server } = await world()
    const send = server.send.bind(server)
    let refusals = 1
    server.send = (...message) => {
      if (refusals-- <= 0) return send(...message)
      a.connections.isRotationDue = true
      throw new AppError('message/too-many-devices')
    }
    await say(a, id, (thread) => thread.sendText('hello'))
    await b.chat.catchUp()
    expect(server.epochs).toHaveLength(2)
    expect(texts(await shown(b, id))).toEqual(['hello'])
    expect(b.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
  })
})

describe('an item that was passed on', () => {
  it('and is taken back while its message waits: that is never sent', async () => {
    const { id, a, b, server } = await world()
    a.line.cut = (when, call) => when === 'before' && call.endsWith('/messages')
    const media = await sayMedia(a, id)
    await a.chat.unshareItem(id, media)
    expect(await shown(a, id)).toEqual([])
    a.line.cut = () => false
    await say(a, id, (thread) => thread.sendText('after'))
    await caughtUp([a, b])
    expect(texts(await shown(b, id))).toEqual(['after'])
    expect(server.revoked).toContain(media)
    expect(b.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
  })

  it('and is taken back after it was sent: both lose the messages, and the friend the key', async () => {
    const { id, a, b, server } = await world()
    const media = await sayMedia(a, id)
    await sayMedia(a, id, media)
    await b.chat.catchUp()
    await a.chat.unshareItem(id, media)
    expect(server.revoked).toContain(media)
    await caughtUp([a, b])
    expect(texts(await shown(b, id))).toEqual(['deleted', 'deleted'])
    expect(await keysOn(b)).toEqual([])
    expect(server.rows.map(({ sealed }) => sealed === null)).toEqual([true, true, false, false])
  })

  it('twice, once of that deleted here alone: the friend still has that one', async () => {
    const { id, a, b, server } = await world()
    const media = await sayMedia(a, id)
    await deleteHere(a, id)
    await sayMedia(a, id, media)
    await b.chat.catchUp()
    const ref = refIn(await last(a, id))
    await say(a, id, (thread) => thread.deleteForBoth(ref))
    await caughtUp([a, b])
    expect(texts(await shown(b, id))).toEqual(['media', 'deleted'])
    expect(await keysOn(b)).toEqual([media])
    expect(server.revoked).toEqual([])
  })

  it('twice, in messages that disappear, both deleted here: access ends with the second one', async () => {
    const { id, a, server } = await world()
    await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
    const media = await sayMedia(a, id)
    await deleteHere(a, id)
    server.pass(DAY_MS / 2)
    await sayMedia(a, id, media)
    await deleteHere(a, id)
    for (const isOver of [false, true]) {
      server.pass(DAY_MS / 2 + 1)
      await a.restart()
      await caughtUp([a])
      expect(server.revoked.includes(media)).toBe(isOver)
    }
  })

  it('again, and deleted again, while it is taken back: access ends', async () => {
    const { id, a, server } = await world()
    const media = await sayMedia(a, id)
    const [first] = (await shown(a, id)).map(refIn)
    let again: Promise<unknown> | undefined
    a.line.cut = (when, call) => {
      // Its way back is open: somebody sends it anew meanwhile.
      if (when === 'after' && call.includes('grants'))
        again ??= a.chat.outbox.add(id, 'media', {
          media: {
            mediaId: media,
            contentKey: newKey(),
            kind: 'file',
            name: 'c',
            type: '',
            sizeBytes: 1,
            hasThumb: false,
          },
        })
      return false
    }
    if (first) await say(a, id, (thread) => thread.deleteForBoth(first))
    await caughtUp([a])
    expect(again).toBeDefined()
    const { ref } = await last(a, id)
    if (ref) await say(a, id, (thread) => thread.deleteForBoth(ref))
    await caughtUp([a])
    expect(server.revoked).toEqual([media, media])
  })

  it('twice: access ends with the last message that gave it', async () => {
    const { id, a, b, server } = await world()
    const media = await sayMedia(a, id)
    await sayMedia(a, id, media)
    await b.chat.catchUp()
    const refs = (await shown(a, id)).map(refIn)
    for (const [index, ref] of refs.entries()) {
      await say(a, id, (thread) => thread.deleteForBoth(ref))
      await caughtUp([a, b])
      const isLast = index === refs.length - 1
      expect(server.revoked.includes(media)).toBe(isLast)
      expect(await keysOn(b)).toEqual(isLast ? [] : [media])
    }
  })
})

describe('disappearing', () => {
  it('removes what is over from both devices, and the keys of an epoch with nothing left', async () => {
    const { id, a, b, server, ben, anna, start } = await world()
    await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
    await say(a, id, (thread) => thread.sendText('for a day'))
    await b.chat.catchUp()
    await say(b, id, (thread) => thread.sendText('me too'))
    await a.chat.catchUp()
    expect((await last(a, id)).expiresAt).toBe(server.now + DAY_MS)
    a.connections.isRotationDue = true
    await say(a, id, (thread) => thread.sendText('next epoch'))
    await b.chat.catchUp()
    server.pass(DAY_MS + 1)
    for (const device of [a, b]) await device.restart()
    for (const device of [a, b]) expect(await shown(device, id)).toEqual([])
    await caughtUp([a, b])
    for (const { vault } of [anna, ben]) expect([...vault.forgotten]).toEqual([0, 1])
    // A new device takes nothing of it for lost.
    const b2 = await start(ben, anna)
    server.now += 60_000
    await b2.chat.catchUp()
    await shown(b2, id)
    expect(b2.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
  })

  it('by a clock that is a year late: what is over goes as soon as the server was heard', async () => {
    const { id, a, b, server, ben } = await world()
    await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
    await say(a, id, (thread) => thread.sendText('for a day'))
    b.lateMs = 365 * DAY_MS
    await b.restart()
    await b.chat.catchUp()
    expect(texts(await shown(b, id))).toContain('for a day')
    server.pass(DAY_MS - 1)
    await b.chat.catchUp()
    expect(texts(await shown(b, id))).toContain('for a day')
    server.pass(2)
    b.line.isUp = false
    await b.restart()
    expect(texts(await shown(b, id))).toContain('for a day')
    b.line.isUp = true
    await b.chat.catchUp()
    expect(await shown(b, id)).toEqual([])
    await caughtUp([b])
    expect([...ben.vault.forgotten]).toEqual([0])
  })

  it.each(['as it should', 'although they were away for a week', 'although a call failed and the program ended'])(
    'takes files along, %s: the friend loses the key and the access',
    async (how) => {
      const { id, a, b, server, anna } = await world()
      await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
      const media = await sayMedia(a, id)
      await b.chat.catchUp()
      expect(await keysOn(b)).toEqual([media])
      if (how.includes('away')) await a.crash()
      server.pass(how.includes('away') ? 7 * DAY_MS : DAY_MS)
      await b.restart()
      expect(await keysOn(b)).toEqual([])
      if (how.includes('failed')) a.line.cut = (when, call) => when === 'before' && call.endsWith('/:connectionId')
      await a.restart()
      await a.chat.catchUp()
      await a.chat.settled()
      if (how.includes('failed')) {
        expect(server.revoked).toEqual([])
        await a.restart()
        a.line.cut = () => false
        await caughtUp([a])
      }
      await caughtUp([a])
      expect(server.revoked).toEqual([media])
      expect(anna.vault.floors).toMatchObject([{ from: 1, counter: 2 }])
    },
  )

  it('leaves the key and the access where the same item also came to stay', async () => {
    const { id, a, b, server } = await world()
    const media = await sayMedia(a, id)
    await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
    await sayMedia(a, id, media)
    await b.chat.catchUp()
    server.pass(DAY_MS)
    for (const device of [a, b]) await device.restart()
    await caughtUp([a, b])
    expect(texts(await shown(b, id))).toEqual(['media'])
    expect(await keysOn(b)).toEqual([media])
    expect(server.revoked).toEqual([])
  })

  it('counts at once: what is written after the setting disappears, also where neither is sent yet', async () => {
    const { id, a, b, server } = await world()
    await say(a, id, (thread) => thread.sendText('stays'))
    a.line.isUp = false
    await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
    await say(a, id, (thread) => thread.sendText('for a day'))
    a.line.isUp = true
    await caughtUp([a, b])
    expect(server.rows.map(({ epoch, expiresAt }) => [epoch, expiresAt !== null])).toEqual([
      [0, false],
      [1, true],
      [1, true],
    ])
    server.pass(DAY_MS)
    for (const device of [a, b]) await device.restart()
    for (const device of [a, b]) expect(texts(await shown(device, id))).toEqual(['stays'])
  })

  it('forgets the secret of a conversation in which nobody writes any more, once', async () => {
    const { id, a, b, anna, ben, server, start } = await world()
    await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
    await b.chat.catchUp()
    await say(b, id, (thread) => thread.sendText('the last word'))
    const a2 = await start(anna, ben)
    await a.chat.catchUp()
    server.pass(DAY_MS)
    const devices = [a, a2, b]
    await Promise.all(devices.map((device) => device.restart()))
    await Promise.all(devices.map((device) => device.chat.catchUp()))
    await caughtUp(devices)
    const forgotten = server.epochs.map((_, epoch) => epoch).slice(0, -1)
    for (const { vault } of [anna, ben]) expect([...vault.forgotten].sort()).toEqual(forgotten)
    for (const { connections } of devices) expect(connections.messageSecret(id, forgotten.length)).not.toBeNull()
    await caughtUp(devices)
    expect(server.epochs).toHaveLength(forgotten.length + 1)
    await say(a, id, (thread) => thread.sendText('again'))
    await caughtUp(devices)
    for (const device of devices) {
      expect(texts(await shown(device, id))).toEqual(['again'])
      expect(device.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
    }
  })

  it('misses nothing that disappeared while the device was away', async () => {
    const { id, a, b, server } = await world()
    await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
    await b.chat.catchUp()
    for (const text of ['for a day', 'for a day too']) await say(a, id, (thread) => thread.sendText(text))
    server.now += DAY_MS + 1
    for (const [index, row] of server.rows.entries()) server.rows[index] = { ...row, sealed: null }
    await say(a, id, (thread) => thread.sendText('later'))
    await b.chat.catchUp()
    server.now += 60_000
    await b.chat.catchUp()
    expect(texts(await shown(b, id)).at(-1)).toBe('later')
    expect(b.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
    await b.chat.receipts.tell(id)
    await a.chat.catchUp()
    expect((await last(a, id)).state).toBe('delivered')
  })

  it.each(['without network', 'while the vault cannot be written, and the program dies'])(
    'opens %s, removes what is over, and the keys once the vault can be told',
    async (how) => {
      const { id, a, anna, server } = await world()
      await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
      for (const text of ['in the first epoch', 'in the second']) {
        a.connections.isRotationDue = true
        await say(a, id, (thread) => thread.sendText(text))
      }
      a.connections.isRotationDue = true
      await a.chat.catchUp()
      await say(a, id, (thread) => thread.setDisappearing(null))
      await a.chat.catchUp()
      server.now += DAY_MS + 1
      if (how === 'without network') a.line.isUp = false
      else a.line.cut = (_, call) => call === 'vault'
      await a.restart()
      expect(await shown(a, id)).toEqual([])
      expect(anna.vault.floors).toEqual([])
      await a.restart()
      a.line.isUp = true
      a.line.cut = () => false
      await a.chat.catchUp()
      await expect.poll(() => [...anna.vault.forgotten]).toEqual([0, 1, 2, 3])
      expect(anna.vault.floors).toMatchObject([{ from: 1, counter: 4 }])
    },
  )

  it('keeps the secret of what stays, and of nothing that disappeared after it', async () => {
    const { id, a, anna, server } = await world()
    await say(a, id, (thread) => thread.sendText('stays'))
    await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
    await say(a, id, (thread) => thread.sendText('taken back'))
    const ref = refIn(await last(a, id))
    await say(a, id, (thread) => thread.deleteForBoth(ref))
    await say(a, id, (thread) => thread.setDisappearing(null))
    await say(a, id, (thread) => thread.sendText('stays, too'))
    server.pass(DAY_MS)
    await a.restart()
    await a.chat.catchUp()
    await expect.poll(() => [...anna.vault.forgotten]).toEqual([1])
    expect(anna.vault.floors).toMatchObject([{ from: 2, counter: 5 }])
    expect(texts(await shown(a, id))).toEqual(['stays', 'stays, too'])
    expect(server.rows.map(({ epoch }) => epoch)).toEqual([0, 1, 1, 1, 1, 2])
  })

  it('leaves no secret that is forgotten to what announces messages', async () => {
    await createKey('lock')
    vi.stubGlobal('navigator', { serviceWorker: { getRegistration: async () => undefined } })
    const { id, a, server } = await world()
    const keptOf = async () => (await readPreviewKeys(id))?.epochs.map(({ epoch }) => epoch)
    await say(a, id, (thread) => thread.sendText('stays'))
    await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
    await expect.poll(keptOf, { timeout: 10_000 }).toEqual([1, 0])
    server.pass(DAY_MS)
    await a.restart()
    await caughtUp([a])
    await expect.poll(keptOf, { timeout: 10_000 }).toEqual([2, 0])
  })

  it('goes on sweeping after one conversation did not open', async () => {
    const { id, a, server } = await world()
    await say(a, id, (thread) => thread.setDisappearing(DAY_MS))
    await say(a, id, (thread) => thread.sendText('for a day'))
    server.now += DAY_MS + 1
    const copy = await a.snapshot()
    const broken = new Map(copy)
    const keys = copy.get('conversations')?.keys ?? []
    broken.set('conversations', { keys, values: keys.map(() => new Uint8Array(64)) })
    await a.restore(broken)
    expect(a.chat.conversations.value).toEqual([])
    await a.restore(copy)
    expect(await shown(a, id)).toEqual([])
  })
})

import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newKey } from '../../shared/crypto/random.ts'
import { unwrapContentKey } from '../../shared/crypto/wraps.ts'
import type { UploadRow } from '../../shared/device/db.ts'
import { AppError } from '../../shared/errors.ts'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import { replayGroup } from '../../shared/logs/group-replay.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { readGroupLog } from '../../shared/wire/groups.ts'
import { createMedia, type NewMedia } from '../../shared/wire/media.ts'
import type { Route } from '../../shared/wire/route.ts'
import { Busy } from '../app/busy.ts'
import type { Session } from '../app/session.ts'
import { Signal } from '../app/signal.ts'
import { rotationOf } from '../groups/rotation.ts'
import { openItem } from '../media/items.ts'
import { NoTabs } from '../testing/account-world.ts'
import { type Client, GroupWorld } from '../testing/group-world.ts'
import { groupItem, groupItemName } from '../vault/items.ts'
import { Engine } from './engine/engine.ts'
import { openIdbSpool } from './engine/spool-idb.ts'
import { wrapAnew } from './item-keys.ts'
import type { UploadCommand, UploadProgress } from './messages.ts'
import { changeUpload, keepUploadsKey, openUpload, readUpload, type UploadSecret } from './record.ts'
import { Uploads } from './uploads.ts'

/** Takes items under the group's newest key alone, as the server does. */
class MediaServer {
  readonly registered: NewMedia[] = []
  /** How many items it was asked to take. */
  readonly asked = new Signal(0)
  /** Refuses whatever key an item is sealed under. */
  isLying = false
  /** Runs before it answers. */
  beforeAnswer: (item: NewMedia) => Promise<unknown> = async () => undefined

  async answer(route: Route, body: unknown): Promise<void> {
    if ((route as unknown) !== createMedia) return
    const item = body as NewMedia
    this.asked.value++
    await this.beforeAnswer(item)
    const { epoch } = replayGroup(item.groupId, world.server.groups.get(item.groupId)?.entries ?? [])
    if (item.epoch === epoch && !this.isLying) return void this.registered.push(item)
    throw new AppError('group/needs-rotation')
  }
}

vi.mock('../app/api.ts', () => ({
  Api: class {
    call = (route: Route, { body }: { body?: unknown }) => media.answer(route, body)
  },
}))
vi.mock('./engine/send.ts', () => ({ putObject: async () => undefined }))

/** The upload worker, in the same thread. */
class UploadWorker {
  readonly #told: ((event: { data: UploadProgress }) => void)[] = []
  readonly #engine = openIdbSpool().then((spool) => new Engine(spool, (data) => this.#tell(data)))

  addEventListener(_type: 'message', listener: (event: { data: UploadProgress }) => void): void {
    this.#told.push(listener)
  }

  postMessage(command: UploadCommand): void {
    void this.#engine.then((engine) => {
      if (command.type === 'file') engine.give(command.mediaId, command.file)
      if (command.type === 'work') void engine.work()
      if (command.type === 'cancel') void engine.cancel(command.mediaId)
    })
  }

  #tell(data: UploadProgress): void {
    for (const listener of this.#told) listener({ data })
  }
}

let world: GroupWorld
let media: MediaServer
let ann: Client
/** Ann's other device, where she manages her groups. */
let desk: Client
let circle: GroupId

beforeEach(async () => {
  vi.stubGlobal('BroadcastChannel', NoTabs)
  vi.stubGlobal('Worker', UploadWorker)
  world = await GroupWorld.create()
  await keepUploadsKey(newKey())
  media = new MediaServer()
  ;({ ann, circle } = world)
  desk = await world.sameAccount(ann)
  await desk.groups.show(circle)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function uploadsOf({ groups }: Client): Uploads {
  const unlocked = { groups }
  const state = new Signal({ kind: 'unlocked', unlocked, online: true })
  return new Uploads({ state, requireUnlocked: () => unlocked } as unknown as Session, new Busy())
}

const note = (name: string) => new File([name], `${name}.txt`, { type: 'text/plain' })
const allDone = (uploads: Uploads) => uploads.all.until(({ size }) => size === 0)
const stopped = (uploads: Uploads, count = 1) =>
  uploads.all.until(
    (all) => all.size === count && [...all.values()].every(({ code }) => code === 'group/needs-rotation'),
  )

/** What Ann's devices make of an item as the server has it. */
async function namesOf(groupId: GroupId): Promise<(string | undefined)[]> {
  const rest = { authorId: ann.person.userId, state: 'ready', workerDocument: null, job: null } as const
  const items = media.registered.filter((item) => item.groupId === groupId)
  const opened = items.map((item) =>
    openItem(desk.groups.get(groupId), { ...item, ...rest, createdAt: 1, changeSeq: 1 }),
  )
  return (await Promise.all(opened)).map(({ card }) => card?.fileName)
}

function changeKey({ groups, vault }: Client, groupId: GroupId): Promise<void> {
  return groups.append(groupId, (group) => {
    const item = vault.read(groupItem, groupItemName(groupId))
    return item && rotationOf(groups.context, group, item)
  })
}

/** How often one of Ann's devices has read a group's log from now on. */
function logsRead(): Signal<number> {
  const read = new Signal(0)
  const { api } = ann.groups.context
  const { call } = api
  vi.spyOn(api, 'call').mockImplementation(async (route, options) => {
    const reply = await call(route, options)
    if ((route as Route) === readGroupLog) read.value++
    return reply
  })
  return read
}

describe('an upload whose group has changed its key before its turn came', () => {
  it('goes on by itself under the new key, as every other that waits, and the log is read once for all', async () => {
    const uploads = uploadsOf(ann)
    await changeKey(desk, circle)
    const logs = logsRead()
    await uploads.add(circle, [note('one'), note('two'), note('three')])
    await allDone(uploads)
    expect(media.registered.map(({ epoch }) => epoch)).toEqual([2, 2, 2])
    expect((await namesOf(circle)).sort()).toEqual(['one.txt', 'three.txt', 'two.txt'])
    expect(logs.value).toBe(1)
  })

  it('goes on likewise where it belongs to a chat, under the key that the message tells', async () => {
    const personal = await world.another(ann, 'personal')
    await desk.vault.openServed()
    await desk.groups.show(personal)
    await changeKey(desk, personal)
    const uploads = uploadsOf(ann)
    const { prepared, start } = await uploads.prepareInChat(note('for ben'))
    await start()
    await allDone(uploads)
    const [item] = media.registered as [NewMedia]
    expect(item.epoch).toBe(2)
    const { media: key } = desk.groups.encryptTo(personal)
    expect(await unwrapContentKey(key, item, item.wrappedContent)).toEqual(prepared.contentKey)
  })

  it('waits for the key where somebody else is out meanwhile, and says so', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const ben = await world.invited('ben', {}, desk)
    await ann.groups.show(circle)
    await changeKey(desk, circle)
    const { userId: memberId } = ben.person
    await desk.groups.append(circle, () => ({ actions: [{ type: 'remove', payload: { memberId } }] }))
    const uploads = uploadsOf(ann)
    await uploads.add(circle, [note('one')])
    const [mediaId] = [...(await stopped(uploads)).keys()] as [MediaId]
    expect(await codeOf(() => uploads.retry(mediaId))).toBe('group/needs-rotation')
    expect(media.registered).toEqual([])
    await changeKey(desk, circle)
    await ann.groups.show(circle)
    await allDone(uploads)
    expect(media.registered.map(({ epoch }) => epoch)).toEqual([3])
  })

  it('is begun once for each key, whatever the server claims', async () => {
    media.isLying = true
    const logs = logsRead()
    const tell = () => {
      logs.value = 0
      return ann.groups.show(circle)
    }
    const uploads = uploadsOf(ann)
    await tell()
    await uploads.add(circle, [note('one')])
    for (const times of [1, 2, 3]) {
      await media.asked.until((count) => count === times)
      await stopped(uploads)
      await logs.until((count) => count === 2)
      // Nothing new is in it: nothing begins again.
      await ann.groups.show(circle)
      expect([media.asked.value, logs.value]).toEqual([times, 3])
      await changeKey(desk, circle)
      media.isLying = times < 3
      await tell()
    }
    await allDone(uploads)
    expect(media.registered.map(({ epoch }) => epoch)).toEqual([4])
  })

  it('goes on after a start, and asks for the file alone', async () => {
    media.isLying = true
    const logs = logsRead()
    const before = uploadsOf(ann)
    await before.add(circle, [note('one')])
    await stopped(before)
    await logs.until((count) => count === 1)
    media.isLying = false
    await changeKey(desk, circle)
    const after = uploadsOf(desk)
    await after.all.until((all) => [...all.values()].some(({ phase }) => phase === 'needs-file'))
    expect(media.registered.map(({ epoch }) => epoch)).toEqual([2])
  })

  it('is not stopped by a refusal that comes when it is under the new key already', async () => {
    const uploads = uploadsOf(ann)
    const codes = new Set<string | null>()
    uploads.all.watch((all) => {
      for (const { code } of all.values()) codes.add(code)
    })
    await changeKey(desk, circle)
    media.beforeAnswer = ({ mediaId }) => wrapAnew(desk.groups, mediaId)
    await uploads.add(circle, [note('one')])
    await allDone(uploads)
    expect(media.registered.map(({ epoch }) => epoch)).toEqual([2])
    expect([...codes]).toEqual([null])
  })

  it('is wrapped by one tab of several, never back, and never once the server has it', async () => {
    media.isLying = true
    const logs = logsRead()
    const uploads = uploadsOf(ann)
    await uploads.add(circle, [note('one')])
    const [mediaId] = [...(await stopped(uploads)).keys()] as [MediaId]
    await logs.until((count) => count === 1)
    await changeKey(desk, circle)
    const made = await Promise.all([wrapAnew(desk.groups, mediaId), wrapAnew(desk.groups, mediaId)])
    const [wrapped, ...more] = made.filter((one) => one !== null)
    expect(more).toEqual([])
    expect((await secretOf(mediaId)).media).toEqual(wrapped)

    expect(await wrapAnew(ann.groups, mediaId)).toBeNull()
    await changeKey(desk, circle)
    await changeUpload(mediaId, { step: 'thumb' })
    expect(await wrapAnew(desk.groups, mediaId)).toBeNull()
    expect((await secretOf(mediaId)).media).toEqual(wrapped)
  })
})

it('an upload that is cancelled while another has its turn is never begun', async () => {
  media.isLying = true
  const uploads = uploadsOf(ann)
  await uploads.add(circle, [note('one'), note('two')])
  const waiting = [...(await stopped(uploads, 2)).keys()]
  media.isLying = false
  const begun: MediaId[] = []
  media.beforeAnswer = async ({ mediaId }) => {
    begun.push(mediaId)
    for (const other of waiting.filter((one) => one !== mediaId)) uploads.cancel(other)
    await uploads.all.until(({ size }) => size === 1)
  }
  for (const mediaId of waiting) await uploads.retry(mediaId)
  await allDone(uploads)
  await navigator.locks.request('kith/uploader', () => undefined)
  expect(begun).toHaveLength(1)
})

async function secretOf(mediaId: MediaId): Promise<UploadSecret> {
  return openUpload((await readUpload(mediaId)) as UploadRow)
}

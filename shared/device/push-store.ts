import * as z from 'zod/mini'
import { openAes, sealAes } from '../crypto/aes-gcm.ts'
import { type Bytes, fromUtf8, utf8 } from '../format/bytes.ts'
import type { ConnectionId, DeviceId } from '../format/ids.ts'
import { bytes, connectionId, deviceId, natural, userId } from '../wire/primitives.ts'
import { openDevice } from './db.ts'
import { readKey } from './device-key.ts'
import { readSealed, removeSealed, writeSealed } from './sealed-store.ts'

/** Tag of the line that says nothing: shown where a browser wants to see something after a push. */
export const QUIET_TAG = 'kith/quiet'

/** How this device announces what comes. Never told to the server. */
export const notifySettings = z.strictObject({
  /** Whether who wrote, and what, may stand on the screen. */
  previews: z.boolean(),
  /** Shown without a sound between these minutes of the day, over midnight too. */
  silent: z.nullable(z.strictObject({ from: natural, to: natural })),
})
export type NotifySettings = z.output<typeof notifySettings>

/** Up to where the friend's devices were announced here or taken by a page, by the messages' own counters. */
const heard = z.array(z.strictObject({ deviceId, counter: natural }))
export type Heard = z.output<typeof heard>

/** Up to where announcing has come. */
const notifyState = z.strictObject({
  changeSeq: natural,
  /** `isMuted`: of somebody who is blocked, whatever the server says. */
  conversations: z.array(
    z.strictObject({ connectionId, seq: natural, unread: natural, heard, isMuted: z.optional(z.boolean()) }),
  ),
})
export type NotifyState = z.output<typeof notifyState>

/** More devices than a friend ever had: the oldest are forgotten. */
const HEARD_MAX = 512

export function isHeard(heard: Heard, { deviceId, counter }: { deviceId: DeviceId; counter: number }): boolean {
  return heard.some((one) => one.deviceId === deviceId && one.counter >= counter)
}

/** The higher of each. */
export function raiseHeard(heard: Heard, more: Heard): Heard {
  const higher = new Map(more.filter((one) => !isHeard(heard, one)).map((one) => [one.deviceId, one.counter]))
  const rest = heard.filter(({ deviceId }) => !higher.has(deviceId))
  return [...rest, ...[...higher].map(([deviceId, counter]) => ({ deviceId, counter }))].slice(-HEARD_MAX)
}

/** What it takes to show a message while no page is open: only while the device is unlocked. */
const previewKeys = z.strictObject({
  peer: z.strictObject({ userId, username: z.string() }),
  epochs: z.array(z.strictObject({ epoch: natural, messageSecret: bytes(32) })),
  /** Newest number that a page has taken. */
  since: natural,
})
export type PreviewKeys = z.output<typeof previewKeys>

export const writeNotifySettings = (settings: NotifySettings) => write('settings', notifySettings, settings)
export const writeNotifyState = (state: NotifyState) => write('state', notifyState, state)

export async function readNotifySettings(): Promise<NotifySettings> {
  return (await read('settings', notifySettings)) ?? { previews: false, silent: null }
}

export async function readNotifyState(): Promise<NotifyState> {
  return (await read('state', notifyState)) ?? { changeSeq: 0, conversations: [] }
}

/** @throws {AppError} `vault/locked` */
export async function writePreviewKeys(id: ConnectionId, keys: PreviewKeys): Promise<void> {
  await writeSealed(`chat/${id}`, utf8(JSON.stringify(z.encode(previewKeys, keys))))
}

export const removePreviewKeys = (id: ConnectionId) => removeSealed(`chat/${id}`)

/** `null`: locked, or never written. */
export async function readPreviewKeys(id: ConnectionId): Promise<PreviewKeys | null> {
  const plain = await readSealed(`chat/${id}`).catch(() => null)
  return plain && z.decode(previewKeys, JSON.parse(fromUtf8(plain)))
}

/** Under the key that outlives a lock: silent hours hold in a locked device too. */
async function write<T extends z.ZodMiniType>(
  name: 'settings' | 'state',
  schema: T,
  value: z.output<T>,
): Promise<void> {
  const key = await readKey('lock')
  if (!key) return
  const plain = utf8(JSON.stringify(z.encode(schema, value)))
  await (await openDevice()).put('push', await sealAes(key, plain, utf8(name)), name)
}

async function read<T extends z.ZodMiniType>(name: 'settings' | 'state', schema: T): Promise<z.output<T> | null> {
  const key = await readKey('lock')
  const sealed: Bytes | undefined = await (await openDevice()).get('push', name)
  if (!key || !sealed) return null
  try {
    return z.decode(schema, JSON.parse(fromUtf8(await openAes(key, sealed, utf8(name)))))
  } catch {
    // Of an account that was here before.
    return null
  }
}

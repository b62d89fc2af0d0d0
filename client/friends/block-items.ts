import * as z from 'zod/mini'
import type { DeviceId, UserId } from '../../shared/format/ids.ts'
import { deviceId, natural } from '../../shared/wire/primitives.ts'
import type { Vault } from '../vault/vault.ts'

/** More devices than one side has at a time (docs/protocol.md §5); of more, the first are as good as unknown. */
export const DEVICES_MAX = 512

/**
 * What the vault keeps of somebody who is blocked, under their id. The server refuses them, too; but it could stop doing
 * so, and nobody would see it.
 */
export const blockItem = z.strictObject({
  /** Up to where each of their devices had written then: what was said before stays. */
  until: z.array(z.strictObject({ deviceId, counter: natural })).check(z.maxLength(DEVICES_MAX)),
})

const PREFIX = 'blocks/'
export const blockItemName = (user: UserId): string => PREFIX + user

export function blockedIn(vault: Pick<Vault, 'names'>): UserId[] {
  return vault.names().flatMap((name) => (name.startsWith(PREFIX) ? [name.slice(PREFIX.length) as UserId] : []))
}

/** Up to where their messages count; `null`: they are not blocked. */
export function blockedUntil(vault: Pick<Vault, 'read'>, user: UserId): ReadonlyMap<DeviceId, number> | null {
  const item = vault.read(blockItem, blockItemName(user))
  return item && new Map(item.until.map((one) => [one.deviceId, one.counter]))
}

/** Of what was served, without what somebody who is blocked has written since; that comes once they are not. */
export function withoutBlocked<
  M extends { readonly senderId: UserId; readonly deviceId: DeviceId; readonly counter: number },
  R extends { readonly userId: UserId },
  S extends { readonly messages: readonly M[]; readonly receipts: readonly R[] },
>(served: S, user: UserId, until: ReadonlyMap<DeviceId, number> | null): S {
  if (!until) return served
  const first = served.messages.findIndex(
    (one) => one.senderId === user && one.counter > (until.get(one.deviceId) ?? 0),
  )
  return {
    ...served,
    // Nothing after it either: else it would count as taken.
    messages: first < 0 ? served.messages : served.messages.slice(0, first),
    receipts: served.receipts.filter(({ userId }) => userId !== user),
  }
}

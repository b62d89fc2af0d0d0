import type { KeySchedule } from '../../shared/crypto/connection-keys.ts'
import { AppError } from '../../shared/errors.ts'
import { equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import { type ConnectionState, followConnection, type PublicKeys, peerOf } from '../../shared/logs/connection.ts'
import { rotateEntry } from '../../shared/logs/connection-entries.ts'
import { decodeUnverified, hashEntry, type SignedEntry } from '../../shared/logs/signed.ts'
import type { Crypto } from '../workers/crypto.ts'
import type { ConnectionItem } from './item.ts'

type ScheduleCrypto = Pick<Crypto, 'startSchedule' | 'nextSchedule'>

/**
 * Brings the keys to where the verified log is: each epoch's secret is added, superseded keys and roots are dropped, and
 * secrets of epochs in which nobody wrote.
 * @param log the whole one, verified; `verified`: what was made of its beginning.
 * @throws {AppError} `key/unavailable` when an entry of this account was made by a device whose vault write is not
 *   known here yet; `connection/swapped-key`
 */
export async function advanceItem(
  crypto: ScheduleCrypto,
  me: UserId,
  connectionId: ConnectionId,
  item: ConnectionItem,
  { entries, verified }: { entries: readonly SignedEntry[]; verified?: ConnectionState | undefined },
): Promise<ConnectionItem> {
  const [request, accept] = entries
  const last = entries.at(-1)
  if (!request || !last) return item
  let next: ConnectionItem = { ...item, pin: { length: entries.length, head: hashEntry(last) } }
  if (!accept) return next
  if (!next.schedule) {
    if (!next.pending) throw new AppError('key/unavailable', 'the keys are on another device')
    const { schedule, secret } = await crypto.startSchedule(request, accept, next.pending)
    next = { ...next, schedule, epochs: [secret], pending: null, note: null }
  }
  const reached = next.schedule?.epoch ?? 0
  let state = verified && verified.epoch <= reached ? verified : undefined
  for (const entry of entries.slice(state?.length ?? 0)) {
    const before = state
    state = followConnection(connectionId, state, entry)
    const { schedule } = next
    if (!before || !schedule || state.epoch <= schedule.epoch) continue
    next = await rotateItem(crypto, me, next, schedule, before, entry)
  }
  return next
}

async function rotateItem(
  crypto: ScheduleCrypto,
  me: UserId,
  item: ConnectionItem,
  schedule: KeySchedule,
  before: ConnectionState,
  entry: SignedEntry,
): Promise<ConnectionItem> {
  const { author, closes } = decodeUnverified(rotateEntry, entry.bytes)
  const isMine = author === me
  const written = [...(item.pending ? [item.pending] : []), ...(item.superseded ?? [])]
  const pending = written.find((one) => equalBytes(hashEntry(one.entry), hashEntry(entry))) ?? null
  if (isMine && !pending) throw new AppError('key/unavailable', 'the keys are on another device')
  const peer = peerOf(before, me).keys as PublicKeys
  // Nobody wrote under it: there is nothing that its secret opens.
  const kept = closes.length > 0 ? item.epochs : item.epochs.filter(({ epoch }) => epoch !== schedule.epoch)
  const made = await crypto.nextSchedule(schedule, entry, peer, isMine ? pending : null)
  return {
    ...item,
    schedule: made.schedule,
    epochs: [...kept, made.secret],
    // Whoever lost the race starts over: what was written down follows an entry that is no longer the newest.
    pending: null,
    superseded: [],
    // An earlier one that came in late is not the change that was asked for.
    due: isMine && pending === item.pending ? null : item.due,
  }
}

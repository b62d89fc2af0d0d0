import { type OutboxRow, openDevice } from '../shared/device/db.ts'
import { type ErrorCode, isAppError } from '../shared/errors.ts'
import type { ConnectionId } from '../shared/format/ids.ts'
import { type MessageTtl, sendMessage } from '../shared/wire/connections.ts'
import { call } from './call.ts'
import { eraseRemoved } from './removed.ts'

export const OUTBOX_TAG = 'kith-outbox'
const PASSING: ReadonlySet<ErrorCode> = new Set(['server/unreachable', 'server/unavailable', 'auth/rate-limited'])

/**
 * Sends what pages have sealed, while no page is open. The rows stay: the same bytes are answered as the first time, so
 * that the next page takes them out. Whatever the server refuses is left to a page.
 * @param forget what is in memory and on the screen, where this device was signed out.
 * @throws {AppError} when the network is still not there: the browser then tries again.
 */
export async function sendOutbox(forget: () => Promise<void>): Promise<void> {
  const rows = await (await openDevice()).getAll('outbox')
  const ids = [...new Set(rows.map(({ connectionId }) => connectionId))]
  for (const id of ids) {
    // The lock of the page's own runner: never two at a time, and in order.
    await navigator.locks.request(`kith/outbox/${id}`, () => sendAll(id, forget))
  }
}

async function sendAll(id: ConnectionId, forget: () => Promise<void>): Promise<void> {
  const rows: OutboxRow[] = await (await openDevice()).getAll('outbox', IDBKeyRange.bound([id], [id, []]))
  for (const { message, ttlMs } of rows) {
    if (!message) continue
    try {
      const body = { sealed: message.bytes, ttlMs: ttlMs as MessageTtl }
      await call(sendMessage, { params: { connectionId: id }, body })
    } catch (error) {
      if (!isAppError(error) || PASSING.has(error.code)) throw error
      if (error.code === 'auth/removed') await eraseRemoved(forget)
      return
    }
  }
}

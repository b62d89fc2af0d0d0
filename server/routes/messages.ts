import { catchUp, deleteMessage, sendMessage, writeReceipt } from '../../shared/wire/connections.ts'
import { readCatchUp } from '../messages/catch-up.ts'
import { createMessages } from '../messages/messages.ts'
import { storeReceipt } from '../messages/receipts.ts'
import type { Api } from './api.ts'

/** 64 KiB of ciphertext, resp. two boxes of a receipt, as base64url in JSON. */
const write = { auth: 'person', limit: 'write', bodyMaxBytes: 128 * 1024 } as const

export function registerMessages({ handle, deps, limits }: Api): void {
  const messages = createMessages(deps)
  handle(catchUp, { auth: 'person', limit: 'read' }, async ({ actor, body }) => {
    await limits.consume('catch-up', actor.userId, body.cursors.length)
    // How much it is shows afterwards; whoever has had enough is refused before anything is read.
    await limits.consume('answer-bytes', actor.userId, 0)
    const { reply, bytes } = await readCatchUp(deps, actor, body.cursors)
    await limits.consume('answer-bytes', actor.userId, bytes)
    return reply
  })
  handle(sendMessage, write, async ({ actor, params, body }) => {
    // By account: whoever has many addresses has one budget.
    await limits.consume('message', actor.userId)
    await limits.consume('message-bytes', actor.userId, body.sealed.length)
    return messages.send(actor, params.connectionId, body)
  })
  handle(deleteMessage, write, ({ actor, params }) => messages.takeBack(actor, params.connectionId, params.seq))
  handle(writeReceipt, write, async ({ actor, params, body }) => {
    await limits.consume('receipt', actor.userId)
    await storeReceipt(deps, actor, params.connectionId, body)
  })
}

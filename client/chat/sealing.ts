import * as z from 'zod/mini'
import { type OpenResult, openMessages, sealMessages } from '../../shared/crypto/message.ts'
import type { SealedMessage, ToOpen, ToSeal } from '../../shared/crypto/message-steps.ts'
import { messageBodies } from '../../shared/wire/message-body.ts'

/** Messages of one device, one after the other: each carries the hash of the one before it. For the crypto Web Worker. */
export async function sealChain(messages: readonly ToSeal[]): Promise<SealedMessage[]> {
  const sealed: SealedMessage[] = []
  for (const message of messages) {
    const prev = sealed.at(-1)?.hash ?? message.prev
    sealed.push(...(await sealMessages([{ ...message, prev }])))
  }
  return sealed
}

/** As `openMessages`; a body of another form than its type has is refused as well. */
export async function openChecked(messages: readonly ToOpen[]): Promise<OpenResult[]> {
  return (await openMessages(messages)).map((result) =>
    'code' in result || hasForm(result.message) ? result : { code: 'message/tampered' },
  )
}

function hasForm({ type, body }: { type: keyof typeof messageBodies; body: string }): boolean {
  try {
    return z.safeDecode(messageBodies[type] as z.ZodMiniType, JSON.parse(body)).success
  } catch {
    return false
  }
}

import { html, nothing, type TemplateResult } from 'lit'
import { sentenceFor } from '../app/messages.ts'
import type { Line } from './lines.ts'
import type { Conversation } from './types.ts'

/** A friend whose devices are silent for longer may be away, or kept from hearing. */
export const CONFIRMED_WITHIN_MS = 3_600_000

/** What is wrong in a conversation, or behind: between its head and what was said. */
export function banners(one: Conversation, lines: readonly Line[]): TemplateResult {
  const confirmed = confirmedSentence(one, lines, Date.now())
  return html`
    ${one.fault ? html`<p class="banner bad" role="alert" data-code=${one.fault.code}>${sentenceFor(one.fault)}</p>` : nothing}
    ${one.missing > 0 ? html`<p class="banner bad" role="alert">${one.missing === 1 ? 'One message is' : `${one.missing} messages are`} missing: the server does not show ${one.missing === 1 ? 'it' : 'them'}.</p>` : nothing}
    ${confirmed ? html`<p class="banner">${confirmed}</p>` : nothing}
  `
}

/** How far the friend has heard, only where it matters: something of one's own has been waiting for long. */
export function confirmedSentence(
  {
    peer: { username },
    lastConfirmedAt,
    hasConfirmed,
  }: Pick<Conversation, 'peer' | 'lastConfirmedAt' | 'hasConfirmed'>,
  lines: readonly { readonly message: Pick<Line['message'], 'state' | 'sentAt'> }[],
  now: number,
): string | null {
  const isBehind = lines.some(({ message }) => message.state === 'sent' && now - message.sentAt > CONFIRMED_WITHIN_MS)
  if (!isBehind) return null
  if (!hasConfirmed) return `${username} has confirmed nothing of what was written yet.`
  if (lastConfirmedAt === null) return `${username} has not confirmed all that was written yet.`
  const at = new Date(lastConfirmedAt).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' })
  return `${username} has confirmed what was written until ${at}.`
}

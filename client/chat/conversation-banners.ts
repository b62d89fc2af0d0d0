import { html, nothing, type TemplateResult } from 'lit'
import { sentenceFor } from '../app/messages.ts'
import type { Line } from './lines.ts'
import type { Conversation } from './types.ts'

/** A friend whose devices are silent for longer may be away, or kept from hearing. */
const CONFIRMED_WITHIN_MS = 3_600_000

/** What is wrong in a conversation, or behind: between its head and what was said. */
export function banners(one: Conversation, lines: readonly Line[]): TemplateResult {
  // Only where it matters: something of one's own has been waiting for long.
  const isBehind = lines.some(
    ({ message }) => message.state === 'sent' && Date.now() - message.sentAt > CONFIRMED_WITHIN_MS,
  )
  const confirmed = isBehind ? one.lastConfirmedAt : null
  return html`
    ${one.fault ? html`<p class="banner bad" role="alert" data-code=${one.fault.code}>${sentenceFor(one.fault)}</p>` : nothing}
    ${one.missing > 0 ? html`<p class="banner bad" role="alert">${one.missing === 1 ? 'One message is' : `${one.missing} messages are`} missing: the server does not show ${one.missing === 1 ? 'it' : 'them'}.</p>` : nothing}
    ${confirmed ? html`<p class="banner">${one.peer.username} has confirmed what was written until ${new Date(confirmed).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' })}.</p>` : nothing}
  `
}

import { ERROR_CODES } from '../../shared/errors.ts'
import { sentenceForCode } from './messages.ts'
import type { Toasts } from './toasts.ts'

/** Says what the Service Worker could not take from the share sheet, where an address tells of it. */
export function sayProblem(toasts: Pick<Toasts, 'show'>, { search }: { readonly search: string }): void {
  const code = new URLSearchParams(search).get('problem')
  const known = ERROR_CODES.find((one) => one === code && one.startsWith('share/'))
  if (known) toasts.show(sentenceForCode(known), { tone: 'error', forMs: 20_000 })
}

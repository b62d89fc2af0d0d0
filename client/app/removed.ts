import { isAppError } from '../../shared/errors.ts'
import { readSession } from '../../shared/wire/accounts.ts'
import type { Api } from './api.ts'

const ASK_MS = 3000

/**
 * Whether another device has signed this one out, if the server says so within a moment. A network that fails says
 * nothing: unlocking works without it.
 */
export async function wasRemoved(api: Pick<Api, 'call'>): Promise<boolean> {
  if (!navigator.onLine) return false
  const signal = AbortSignal.timeout(ASK_MS)
  try {
    await api.call(readSession, { signal })
    return false
  } catch (error) {
    if (!isAppError(error) && !signal.aborted) throw error
    return isAppError(error, 'auth/removed')
  }
}

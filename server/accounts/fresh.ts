import { AppError } from '../../shared/errors.ts'
import type { Person } from '../actor.ts'
import type { Deps } from '../deps.ts'

const FRESH_MS = 10 * 60_000

/**
 * For what must take the password: a cookie goes with whatever runs in the browser, also in front of the lock.
 * @throws {AppError} `auth/expired` where the sign-in was too long ago.
 */
export function requireFresh({ clock }: Pick<Deps, 'clock'>, { signedInAtMs }: Person): void {
  if (signedInAtMs + FRESH_MS <= clock.now()) throw new AppError('auth/expired', 'sign in again first')
}

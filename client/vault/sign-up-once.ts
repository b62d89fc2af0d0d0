import { isAppError } from '../../shared/errors.ts'
import { parseUsername } from '../../shared/format/username.ts'
import { isUnanswered } from '../app/passing.ts'
import { type AccountPorts, type NewAccount, type Opened, type SignInDevice, signIn, signUp } from './account.ts'

/** The name that an account was asked for, until this device has it. In the tab: a reload does not begin anew. */
const ASKED = 'kith/sign-up'

/**
 * Signs up. Where an answer got lost the account may be there, and a second one of the name is refused, resp. the invite is used up: then it
 * is signed in to. Only where it was asked for here: whoever chooses the name of somebody else does not knock at their door.
 * @throws {AppError} what `signUp` throws, also where the password is not that of the first try; what `signIn` throws
 */
export async function signUpOnce(ports: AccountPorts, wanted: NewAccount, device: SignInDevice): Promise<Opened> {
  const username = parseUsername(wanted.username)
  const wasAsked = sessionStorage.getItem(ASKED) === username
  // Before: a page that ends in between does not know either.
  sessionStorage.setItem(ASKED, username)
  try {
    return await signUp(ports, wanted, Date.now())
  } catch (error) {
    if (isUnanswered(error)) throw error
    if (!wasAsked) {
      forgetSignUp()
      throw error
    }
    return await signIn(ports, wanted, device).catch((failure: unknown) => {
      throw isAppError(failure, 'auth/failed') ? error : failure
    })
  }
}

/** This device has the account. */
export function forgetSignUp(): void {
  sessionStorage.removeItem(ASKED)
}

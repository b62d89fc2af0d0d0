import * as opaque from '@serenity-kit/opaque'
import { AppError } from '../../shared/errors.ts'
import { credentialIdentifier, type Secrets } from '../secrets.ts'

export type Slot = 0 | 1

/** docs/protocol.md §3: which password of whom a run of OPAQUE is about. */
export function identifiersOf(username: string, slot: Slot): { client: string; server: string } {
  return { client: username, server: `kith/v1#${slot}` }
}

/** The server keeps nothing between the two steps of a registration. @throws {AppError} `request/invalid` */
export function answerRegistration(
  secrets: Secrets,
  username: string,
  slot: Slot,
  registrationRequest: string,
): string {
  return orInvalid(() =>
    opaque.server.createRegistrationResponse({
      serverSetup: secrets.opaqueSetup,
      userIdentifier: credentialIdentifier(secrets, username, slot),
      registrationRequest,
    }),
  ).registrationResponse
}

/** `record` is `null` where there is none: the answer has the same length, shape and cost. @throws {AppError} `request/invalid` */
export function answerLogin(
  secrets: Secrets,
  username: string,
  slot: Slot,
  record: string | null,
  startLoginRequest: string,
): { response: string; state: string } {
  const { loginResponse, serverLoginState } = orInvalid(() =>
    opaque.server.startLogin({
      serverSetup: secrets.opaqueSetup,
      userIdentifier: credentialIdentifier(secrets, username, slot),
      registrationRecord: record,
      startLoginRequest,
      identifiers: identifiersOf(username, slot),
    }),
  )
  return { response: loginResponse, state: serverLoginState }
}

/** Whether the client proved that it knows the slot's password. */
export function provesPassword(state: string, username: string, slot: Slot, finishLoginRequest: string): boolean {
  try {
    opaque.server.finishLogin({
      serverLoginState: state,
      finishLoginRequest,
      identifiers: identifiersOf(username, slot),
    })
    return true
  } catch {
    return false
  }
}

/** Whether `text` is a registration record at all: one that is not would break every later sign-in. */
export function isRecord(secrets: Secrets, text: string): boolean {
  try {
    answerLogin(secrets, 'nobody', 0, text, opaque.client.startLogin({ password: '' }).startLoginRequest)
    return true
  } catch {
    return false
  }
}

function orInvalid<T>(run: () => T): T {
  try {
    return run()
  } catch (cause) {
    throw new AppError('request/invalid', 'not a message of OPAQUE', { cause })
  }
}

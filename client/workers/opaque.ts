import * as opaque from '@serenity-kit/opaque'
import { fromBase64Url } from '../../shared/format/base64url.ts'
import type { Bytes } from '../../shared/format/bytes.ts'

/** 0: the password, 1: the destruction password (docs/protocol.md §3). */
export type Slot = 0 | 1

/** Pinned here: a server that could choose would choose weak. */
const STRETCHING = { 'argon2id-custom': { iterations: 3, memory: 65_536, parallelism: 1 } } as const

const identifiersOf = (username: string, slot: Slot) => ({ client: username, server: `kith/v1#${slot}` })

export async function startOpaqueRegistration(password: string): Promise<{ state: string; request: string }> {
  await opaque.ready
  const { clientRegistrationState, registrationRequest } = opaque.client.startRegistration({ password })
  return { state: clientRegistrationState, request: registrationRequest }
}

export type Registered = { readonly record: string; readonly exportKey: Bytes; readonly serverKey: string }

export async function finishOpaqueRegistration(
  username: string,
  slot: Slot,
  password: string,
  started: { state: string; response: string },
): Promise<Registered> {
  await opaque.ready
  const { registrationRecord, exportKey, serverStaticPublicKey } = opaque.client.finishRegistration({
    password,
    registrationResponse: started.response,
    clientRegistrationState: started.state,
    identifiers: identifiersOf(username, slot),
    keyStretching: STRETCHING,
  })
  return { record: registrationRecord, exportKey: fromBase64Url(exportKey), serverKey: serverStaticPublicKey }
}

export async function startOpaqueSignIn(password: string): Promise<{ state: string; request: string }> {
  await opaque.ready
  const { clientLoginState, startLoginRequest } = opaque.client.startLogin({ password })
  return { state: clientLoginState, request: startLoginRequest }
}

export type SignedIn = { readonly finish: string; readonly exportKey: Bytes; readonly serverKey: string }

/** `null`: this slot does not open with this password. */
export async function finishOpaqueSignIn(
  username: string,
  slot: Slot,
  password: string,
  started: { state: string; response: string },
): Promise<SignedIn | null> {
  await opaque.ready
  const result = opaque.client.finishLogin({
    password,
    loginResponse: started.response,
    clientLoginState: started.state,
    identifiers: identifiersOf(username, slot),
    keyStretching: STRETCHING,
  })
  if (!result) return null
  const { finishLoginRequest, exportKey, serverStaticPublicKey } = result
  return { finish: finishLoginRequest, exportKey: fromBase64Url(exportKey), serverKey: serverStaticPublicKey }
}

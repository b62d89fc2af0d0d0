import type { IncomingMessage } from 'node:http'
import type { Context } from 'koa'
import type { Deps } from '../deps.ts'

/**
 * `__Host-` ties the cookie to this very host over https. Plain http happens on one's own machine only, where WebKit
 * drops `Secure` cookies: the name says which kind it is, so neither can stand in for the other.
 */
export function sessionCookie(origin: string): { name: string; attributes: string } {
  const isSecure = origin.startsWith('https:')
  return {
    name: isSecure ? '__Host-kith' : 'kith',
    // Strict: a foreign page's link or form never arrives signed in. HttpOnly: no script reads it.
    attributes: `Path=/; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`,
  }
}

export function setSessionCookie(ctx: Context, { config }: Deps, token: string): void {
  const { name, attributes } = sessionCookie(config.origin)
  const maxAgeS = Math.floor(config.sessionMaxMs / 1000)
  ctx.append('Set-Cookie', `${name}=${token}; ${attributes}; Max-Age=${maxAgeS}`)
}

export function clearSessionCookie(ctx: Context, { config }: Deps): void {
  const { name, attributes } = sessionCookie(config.origin)
  ctx.append('Set-Cookie', `${name}=; ${attributes}; Max-Age=0`)
}

export function readSessionCookie(request: IncomingMessage, origin: string): string | null {
  const { name } = sessionCookie(origin)
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const at = part.indexOf('=')
    if (at >= 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim()
  }
  return null
}

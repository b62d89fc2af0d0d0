import { isLoopback } from './middleware/origin.ts'

/** What the server says once it listens: first where, as programs read it, then what a person should know. */
export function startMessage({ host, port, origin }: { host: string; port: number; origin: string }): string {
  const name = host === '127.0.0.1' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  const url = `http://${name}:${port}`
  const reached = origin === url ? '' : `, people reach it at ${origin}`
  return `Kith listens on ${url}${reached}\n${onlyHere(url, origin) ? PLAIN_HTTP : ''}`
}

/** Without HTTPS browsers give a page no cryptography, but for pages of their own machine. */
const PLAIN_HTTP =
  'Over plain HTTP browsers run Kith on this machine alone: other devices need HTTPS, see "Let a phone reach it" in README.md.\n'

/** Others may try, and cannot. */
function onlyHere(url: string, origin: string): boolean {
  return origin.startsWith('http:') && !(isLoopback(new URL(url)) && isLoopback(new URL(origin)))
}

import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Words that people typed or that their files hold; none may ever be seen outside their devices. */
export type Canary = { readonly what: string; readonly text: string }

/** Every spelling under which a canary could lie in bytes: raw, Latin-1, UTF-16, hex, base64 at each of its three offsets. */
export function spellings(text: string): { readonly how: string; readonly needle: Buffer }[] {
  const raw = Buffer.from(text, 'utf8')
  const found = [
    { how: 'raw', needle: raw },
    // As browsers write down a text whose letters all have one byte.
    { how: 'Latin-1', needle: Buffer.from(text, 'latin1') },
    { how: 'UTF-16LE', needle: Buffer.from(text, 'utf16le') },
    { how: 'UTF-16BE', needle: Buffer.from(text, 'utf16le').swap16() },
    { how: 'hex', needle: Buffer.from(raw.toString('hex')) },
    { how: 'HEX', needle: Buffer.from(raw.toString('hex').toUpperCase()) },
    { how: 'percent', needle: Buffer.from(encodeURIComponent(text)) },
  ]
  for (let offset = 0; offset < 3; offset++) {
    // Cut off the characters that also depend on the unknown neighbours.
    const whole = Buffer.concat([Buffer.alloc(offset), raw])
      .toString('base64')
      .replace(/=+$/, '')
    const core = whole.slice(Math.ceil((offset * 8) / 6), (raw.length + offset) % 3 === 0 ? undefined : -1)
    found.push({ how: `base64+${offset}`, needle: Buffer.from(core) })
    found.push({ how: `base64url+${offset}`, needle: Buffer.from(core.replaceAll('+', '-').replaceAll('/', '_')) })
  }
  return found
}

/** Where canaries are found in `haystack`; empty when it is blind. */
export function findCanaries(where: string, haystack: Buffer, canaries: readonly Canary[]): string[] {
  return canaries.flatMap(({ what, text }) =>
    spellings(text)
      .filter(({ needle }) => haystack.includes(needle))
      .map(({ how }) => `${what} (${how}) in ${where}`),
  )
}

/** Searches every file below `folder`. @returns findings, and how many files and bytes were read. */
export async function searchFolder(folder: string, canaries: readonly Canary[]) {
  const findings: string[] = []
  let files = 0
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true })) {
    const path = join(folder, entry)
    if (!(await stat(path)).isFile()) continue
    const content = await readFile(path)
    files++
    bytes += content.length
    findings.push(
      ...findCanaries(path, content, canaries),
      ...findCanaries('a file name', Buffer.from(entry), canaries),
    )
  }
  return { findings, files, bytes }
}

import { FormatError } from '../errors.ts'

/**
 * docs/protocol.md §3: what a person typed, as the one form in which names are compared, signed and given to OPAQUE.
 * @throws {FormatError}
 */
export function parseUsername(typed: string): string {
  const name = typed.trim().normalize('NFKC').toLowerCase()
  if (!isUsername(name)) throw new FormatError('user name')
  return name
}

/** Whether `text` is a name in that form already. */
export function isUsername(text: string): boolean {
  return /^[a-z0-9_.-]{3,32}$/.test(text)
}

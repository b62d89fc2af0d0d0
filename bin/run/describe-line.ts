const WARN = 40
const LEVELS: Record<number, string> = { 40: 'warning', 50: 'error', 60: 'fatal' }

/** What a person should read of a program's line: text as it is, of pino's JSON only warnings and worse; else `null`. */
export function describeLine(program: string, line: string): string | null {
  const entry = parse(line)
  if (entry === null) return line
  const { level, msg, err } = entry
  if (typeof level !== 'number' || level < WARN) return null
  const reason = typeof err === 'object' && err !== null && 'message' in err ? `: ${err.message}` : ''
  return `${program}: ${LEVELS[level] ?? 'warning'}: ${msg ?? ''}${reason}`
}

function parse(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{')) return null
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return null
  }
}

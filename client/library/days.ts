const DAY_MS = 86_400_000
// Not by Intl: a page that begins waits 30 ms for its first formatter, and Kith speaks English alone.
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
]

/** Heading of a day as people say it: today, yesterday, then the date. */
export function dayLabel(timeMs: number, nowMs: number): string {
  const start = (ms: number) => new Date(ms).setHours(0, 0, 0, 0)
  const days = Math.round((start(nowMs) - start(timeMs)) / DAY_MS)
  if (days === 0) return 'Today'
  if (days === 1) return 'Yesterday'
  const at = new Date(timeMs)
  const label = `${WEEKDAYS[at.getDay()]}, ${MONTHS[at.getMonth()]} ${at.getDate()}`
  return at.getFullYear() === new Date(nowMs).getFullYear() ? label : `${label}, ${at.getFullYear()}`
}

/** `1:05`, `1:02:03` */
export function durationLabel(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000)
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60]
  const tail = String(s).padStart(2, '0')
  return h > 0 ? `${h}:${String(m).padStart(2, '0')}:${tail}` : `${m}:${tail}`
}

/** `950 B`, `1.2 MB` */
export function sizeLabel(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** `12 s`, `3 min`, `2 h` */
export function timeLeftLabel(ms: number): string {
  if (ms < 60_000) return `${Math.max(1, Math.ceil(ms / 1000))} s`
  if (ms < 3_600_000) return `${Math.ceil(ms / 60_000)} min`
  return `${Math.ceil(ms / 3_600_000)} h`
}

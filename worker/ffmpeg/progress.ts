/** One report of `ffmpeg -progress`. */
export type Progress = {
  /** How far the output reaches, in milliseconds of the film. */
  readonly atMs: number
  readonly done: boolean
  /** Changes with every step forward, whatever kind it is: the watchdog compares it. */
  readonly mark: string
}

/** Feeds on pieces of text as they arrive and gives a report for each complete block of `key=value` lines. */
export function createProgressReader(): (piece: string) => Progress[] {
  let rest = ''
  let block = new Map<string, string>()
  return (piece) => {
    const reports: Progress[] = []
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const at = line.indexOf('=')
      if (at < 0) continue
      const key = line.slice(0, at).trim()
      block.set(key, line.slice(at + 1).trim())
      if (key !== 'progress') continue
      const microseconds = Number(block.get('out_time_us'))
      reports.push({
        atMs: Number.isFinite(microseconds) ? Math.max(0, microseconds / 1000) : 0,
        done: block.get('progress') === 'end',
        mark: ['frame', 'out_time_us', 'total_size'].map((name) => block.get(name) ?? '').join(' '),
      })
      block = new Map()
    }
    return reports
  }
}

import { AppError } from '../../shared/errors.ts'
import { run } from './run.ts'

export type Tools = { readonly ffmpeg: string; readonly ffprobe: string; readonly tonemaps: boolean }

/** Looks at the ffmpeg that is installed. @throws {AppError} `internal`, in words for whoever runs the worker */
export async function findTools(ffmpeg: string, ffprobe: string): Promise<Tools> {
  const ask = async (program: string, question: string) => {
    const signal = AbortSignal.timeout(30_000)
    const answer = await run({
      program,
      arguments: ['-hide_banner', question],
      signal,
      stallMs: 30_000,
      outputBytes: 1_000_000,
    }).catch(() => null)
    if (answer === null || answer.exitCode !== 0) {
      throw new AppError('internal', `${program} is missing or does not run. Install ffmpeg 5.1 or newer.`)
    }
    return answer.output
  }
  const [encoders, filters] = await Promise.all([
    ask(ffmpeg, '-encoders'),
    ask(ffmpeg, '-filters'),
    ask(ffprobe, '-version'),
  ])
  const missing = ['libx264', 'aac', 'libwebp'].filter((name) => !new RegExp(`\\s${name}\\s`).test(encoders))
  if (missing.length > 0) throw new AppError('internal', `${ffmpeg} was built without ${missing.join(', ')}`)
  return { ffmpeg, ffprobe, tonemaps: /\szscale\s/.test(filters) && /\stonemap\s/.test(filters) }
}

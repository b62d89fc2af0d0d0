import { peaksOf } from './waveform.ts'

const TYPES = ['audio/webm;codecs=opus', 'audio/mp4', 'audio/ogg;codecs=opus'] as const
const MAX_MS = 15 * 60_000

export type VoiceNote = { readonly sound: Blob; readonly durationMs: number; readonly waveform: readonly number[] }

/** A voice note while it is spoken. It stays in this page until it is sent. */
export class VoiceRecorder {
  readonly startedAt = Date.now()
  readonly #recorder: MediaRecorder
  readonly #parts: Blob[] = []
  readonly #stopped: Promise<void>

  private constructor(recorder: MediaRecorder) {
    this.#recorder = recorder
    recorder.ondataavailable = ({ data }) => this.#parts.push(data)
    this.#stopped = new Promise((resolve) => {
      recorder.onstop = () => resolve()
    })
    recorder.start()
    setTimeout(() => void this.#stop(), MAX_MS)
  }

  static isPossible(): boolean {
    return typeof MediaRecorder !== 'undefined' && navigator.mediaDevices !== undefined
  }

  /** @throws {DOMException} where the person, or the browser, does not allow it. */
  static async start(): Promise<VoiceRecorder> {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true })
    try {
      const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type))
      return new VoiceRecorder(new MediaRecorder(stream, mimeType ? { mimeType } : {}))
    } catch (error) {
      for (const track of stream.getTracks()) track.stop()
      throw error
    }
  }

  async finish(): Promise<VoiceNote> {
    const durationMs = Math.min(MAX_MS, Date.now() - this.startedAt)
    await this.#stop()
    const sound = new Blob(this.#parts, { type: this.#recorder.mimeType.split(';')[0] ?? '' })
    return { sound, durationMs, waveform: await waveformOf(sound) }
  }

  async cancel(): Promise<void> {
    await this.#stop()
  }

  async #stop(): Promise<void> {
    if (this.#recorder.state !== 'inactive') this.#recorder.stop()
    await this.#stopped
    for (const track of this.#recorder.stream.getTracks()) track.stop()
  }
}

async function waveformOf(sound: Blob): Promise<number[]> {
  const context = new OfflineAudioContext(1, 1, 8000)
  try {
    return peaksOf((await context.decodeAudioData(await sound.arrayBuffer())).getChannelData(0))
  } catch {
    // A sound that this browser records and cannot decode still plays.
    return peaksOf(new Float32Array(0))
  }
}

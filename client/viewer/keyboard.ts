const SEEK_SECONDS = 5
const LONG_SEEK_SECONDS = 10
const RATE_STEP = 0.25

/** Whether a key belongs to a control that has the focus, or to the browser, and not to the viewer. */
export function isTaken(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0]
  const isControl =
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    target instanceof HTMLButtonElement
  // The browser's own controls, or the player itself: both would play and pause at once, and nothing would come of it.
  const isOfPlayer = target instanceof HTMLMediaElement && event.key === ' '
  return isControl || isOfPlayer || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey
}

/** What a key does to a video; `null` for every other key. */
export function videoAction(video: HTMLVideoElement, key: string): (() => void) | null {
  const duration = video.duration || 0
  const seekTo = (seconds: number) => {
    video.currentTime = Math.max(0, Math.min(duration, seconds))
  }
  const seekBy = (seconds: number) => () => seekTo(video.currentTime + seconds)
  const rate = (step: number) => () => {
    video.playbackRate = Math.max(0.25, Math.min(4, video.playbackRate + step))
  }
  const toggle = () => void (video.paused ? video.play().catch(() => undefined) : video.pause())
  if (/^[0-9]$/.test(key)) return () => seekTo((duration * Number(key)) / 10)
  const actions: Readonly<Record<string, () => void>> = {
    ' ': toggle,
    k: toggle,
    ArrowRight: seekBy(SEEK_SECONDS),
    ArrowLeft: seekBy(-SEEK_SECONDS),
    l: seekBy(LONG_SEEK_SECONDS),
    j: seekBy(-LONG_SEEK_SECONDS),
    m: () => {
      video.muted = !video.muted
    },
    f: () => void (document.fullscreenElement ? document.exitFullscreen() : video.requestFullscreen()),
    '>': rate(RATE_STEP),
    '<': rate(-RATE_STEP),
  }
  return Object.hasOwn(actions, key) ? (actions[key] ?? null) : null
}

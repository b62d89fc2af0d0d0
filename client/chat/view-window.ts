/** Positions `[from, to)` that are in the page; all others are read when they are scrolled to. */
export type ViewWindow = { readonly from: number; readonly to: number }

/** How many there are at first. */
export const FIRST = 40
/** How many are added at an end, few enough for one frame; and how many there are at most. */
export const STEP = 16
export const MOST = 160

/** Around a position, e.g. the first unread one; the newest where there is none. */
export function windowAround(total: number, position: number | null): ViewWindow {
  if (position === null) return { from: Math.max(0, total - FIRST), to: total }
  const from = Math.max(0, Math.min(position - FIRST / 2, total - FIRST))
  return { from, to: Math.min(total, from + FIRST * 2) }
}

/** More of what came before; the other end goes when there are too many. */
export function older({ from, to }: ViewWindow): ViewWindow {
  const next = Math.max(0, from - STEP)
  return { from: next, to: Math.min(to, next + MOST) }
}

export function newer({ from, to }: ViewWindow, total: number): ViewWindow {
  const next = Math.min(total, to + STEP)
  return { from: Math.max(from, next - MOST), to: next }
}

/** After messages came or went: at the foot it follows them. */
export function follow({ from, to }: ViewWindow, before: number, total: number): ViewWindow {
  const isAtEnd = to >= before
  const end = isAtEnd ? total : Math.min(to, total)
  const start = Math.min(from, Math.max(0, end - 1))
  return { from: Math.max(start, end - MOST), to: end }
}

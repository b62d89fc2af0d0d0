/** How wide a tile is at most, and how many there are in a row at least. */
const TILE_MAX_PX = 180
const COLUMNS_MIN = 3
export const HEAD_PX = 56

/** A row of the library as it lies on the page: the heading of a day, or tiles `[from, to)` of that day. */
export type Row = { readonly top: number; readonly height: number; readonly day: number } & (
  | { readonly kind: 'day' }
  | { readonly kind: 'tiles'; readonly from: number; readonly to: number }
)
export type Layout = {
  readonly rows: readonly Row[]
  readonly heightPx: number
  readonly columns: number
  readonly tilePx: number
  readonly gapPx: number
}

/**
 * Where thousands of items lie, without an element for each of them.
 * @param takenAt newest first.
 */
export function layOut(takenAt: readonly number[], widthPx: number, gapPx: number): Layout {
  const columns = Math.max(COLUMNS_MIN, Math.floor((widthPx + gapPx) / (TILE_MAX_PX + gapPx)))
  const tilePx = Math.max(0, (widthPx - gapPx * (columns - 1)) / columns)
  const rows: Row[] = []
  let top = 0
  for (let from = 0; from < takenAt.length; ) {
    const day = startOfDay(takenAt[from] as number)
    rows.push({ kind: 'day', day, top, height: HEAD_PX })
    top += HEAD_PX
    let end = from
    while (end < takenAt.length && (takenAt[end] as number) >= day) end++
    for (; from < end; from += columns) {
      const height = tilePx + gapPx
      rows.push({ kind: 'tiles', day, from, to: Math.min(end, from + columns), top, height })
      top += height
    }
    from = end
  }
  return { rows, heightPx: top, columns, tilePx, gapPx }
}

/** Indexes `[first, end)` of the rows that lie within `[fromPx, toPx)`. */
export function rowsWithin({ rows }: Layout, fromPx: number, toPx: number): { first: number; end: number } {
  const first = firstAt(rows, (row) => row.top + row.height > fromPx)
  return {
    first,
    end: Math.max(
      first,
      firstAt(rows, (row) => row.top >= toPx),
    ),
  }
}

/** An item, and where its row begins, in px below the top of what is seen. */
export type Anchor = { readonly index: number; readonly offsetPx: number }

/** What somebody looks at: the first item that reaches below a line. @param topPx where what is seen begins, @param linePx below that. */
export function anchorAt({ rows }: Layout, topPx: number, linePx: number): Anchor | null {
  const at = firstAt(rows, (row) => row.top + row.height > topPx + linePx)
  // Under each heading lie tiles.
  const row = rows[at]?.kind === 'day' ? rows[at + 1] : rows[at]
  return row?.kind === 'tiles' ? { index: row.from, offsetPx: row.top - topPx } : null
}

/** Where what is seen has to begin so that the item stands there again; `null`: it is not here. */
export function topFor({ rows }: Layout, { index, offsetPx }: Anchor): number | null {
  const row = rows.find((one) => one.kind === 'tiles' && one.to > index)
  return row ? row.top - offsetPx : null
}

/** By halves: `is` is false up to some row and true from there on. */
function firstAt(rows: readonly Row[], is: (row: Row) => boolean): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (is(rows[middle] as Row)) high = middle
    else low = middle + 1
  }
  return low
}

const startOfDay = (timeMs: number): number => new Date(timeMs).setHours(0, 0, 0, 0)

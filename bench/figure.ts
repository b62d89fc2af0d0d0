import { cpus, totalmem } from 'node:os'

/** One comparison: medians of the same run, side by side. */
export type Figure = {
  readonly name: string
  readonly unit: string
  readonly ours: number
  readonly peer: number | null
  readonly peerName: string
  /** `ours / peer`, null without a peer. */
  readonly ratio: number | null
  readonly goal: string
  /** `null`: no goal, shown beside one. */
  readonly met: boolean | null
}

/** What a bench promises: the ratio, or without a peer the figure itself, against a bound. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number }

/** A bench measures one or several figures; `name` is what `npm run bench -- <name>` takes. */
export type Bench = { readonly name: string; run(log: (line: string) => void): Promise<Figure[]> }

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('median of nothing')
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

/** Rounds run in turn (ours, peer, ours, …), so that a machine that grows slower slows both. @returns medians. */
export async function inTurn(
  rounds: number,
  ours: () => Promise<number>,
  peer: () => Promise<number>,
): Promise<{ ours: number; peer: number }> {
  const a: number[] = []
  const b: number[] = []
  for (let round = 0; round < rounds; round++) {
    a.push(await ours())
    b.push(await peer())
  }
  return { ours: median(a), peer: median(b) }
}

export function figure(
  name: string,
  unit: string,
  values: { ours: number; peer?: number; peerName?: string },
  goal?: Goal,
): Figure {
  const { ours, peer = null, peerName = '' } = values
  const ratio = peer === null ? null : ours / peer
  if (!goal) return { name, unit, ours, peer, peerName, ratio, goal: '', met: null }
  const judged = ratio ?? ours
  const met = 'atLeast' in goal ? judged >= goal.atLeast : judged <= goal.atMost
  const bound = 'atLeast' in goal ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`
  return { name, unit, ours, peer, peerName, ratio, goal: ratio === null ? `${bound} ${unit}` : `${bound} ×`, met }
}

/** What the figures were measured on. */
export function machine(): string {
  const processors = cpus()
  const memoryGib = (totalmem() / 2 ** 30).toFixed(0)
  return `${processors.length} × ${processors[0]?.model.trim() ?? 'processor'}, ${memoryGib} GiB, ${process.platform} ${process.arch}, Node ${process.versions.node}`
}

const short = (value: number | null) => (value === null ? '' : String(Number(value.toPrecision(3))))

/** The table of `bench/results.md`. */
export function toMarkdown(figures: readonly Figure[], machineLine: string): string {
  const rows = figures.map(
    (f) =>
      `| ${f.name} | ${short(f.ours)} ${f.unit} | ${f.peer === null ? '' : `${short(f.peer)} ${f.unit}`} | ${f.peerName} | ${short(f.ratio)} | ${f.goal} | ${f.met === null ? '' : f.met ? 'yes' : '**no**'} |`,
  )
  return [
    '# Measured',
    '',
    `${machineLine}. Medians of several rounds, taken in turn with the peer in the same run; quote the ratios. \`npm run bench\` writes this page.`,
    '',
    '| figure | Kith | peer | peer is | ratio | goal | met |',
    '|---|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

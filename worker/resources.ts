import { readFile, statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'

export type WaitReason = 'memory' | 'swap' | 'load' | 'disk'
/** `detail` is for the log; `estimateMs` a guess at how long, where nothing is known of earlier times. */
export type Gate =
  | { readonly open: true }
  | { readonly open: false; readonly reason: WaitReason; readonly detail: string; readonly estimateMs: number }

export type Thresholds = {
  readonly minMemoryBytes: number
  readonly maxMemoryPercent: number
  readonly maxSwapBytes: number
  /** 1-minute load for each core. */
  readonly maxLoad: number
  readonly minDiskBytes: number
}

/** Texts as the kernel writes them; null where a file is missing. */
export type Readings = {
  readonly meminfo: string | null
  readonly loadavg: string | null
  readonly cores: number
  readonly cgroup: { readonly limit: string | null; readonly used: string | null; readonly stat: string | null } | null
  readonly freeDiskBytes: number | null
}

/** May a job start now? What cannot be read does not hold a job up: the machine is then not a Linux that tells. */
export function checkGate(readings: Readings, thresholds: Thresholds): Gate {
  const machine = readings.meminfo === null ? null : parseMeminfo(readings.meminfo)
  const memory = narrower(machine, readings.cgroup)
  if (memory !== null) {
    const usedPercent = (100 * (memory.totalBytes - memory.availableBytes)) / memory.totalBytes
    const says = `${mb(memory.availableBytes)} MB available, ${usedPercent.toFixed(0)} % used`
    if (memory.availableBytes < thresholds.minMemoryBytes || usedPercent >= thresholds.maxMemoryPercent) {
      return closed('memory', says, 60_000)
    }
  }
  if (machine !== null && machine.swapUsedBytes >= thresholds.maxSwapBytes) {
    return closed('swap', `${mb(machine.swapUsedBytes)} MB of swap used`, 120_000)
  }
  const load = Number(readings.loadavg?.split(' ')[0] ?? 0) / readings.cores
  if (load >= thresholds.maxLoad) {
    // The 1-minute average falls by 1/e each minute once the work behind it ends.
    return closed(
      'load',
      `load ${load.toFixed(2)} for each core`,
      Math.ceil(60_000 * Math.log(load / thresholds.maxLoad)) + 15_000,
    )
  }
  if (readings.freeDiskBytes !== null && readings.freeDiskBytes < thresholds.minDiskBytes) {
    return closed('disk', `${mb(readings.freeDiskBytes)} MB of disk free`, 300_000)
  }
  return { open: true }
}

function closed(reason: WaitReason, detail: string, estimateMs: number): Gate {
  return { open: false, reason, detail, estimateMs }
}

type Memory = { totalBytes: number; availableBytes: number; swapUsedBytes: number }

function parseMeminfo(text: string): Memory | null {
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) * 1024
  const total = bytes('MemTotal')
  const available = bytes('MemAvailable')
  const swap = bytes('SwapTotal') - bytes('SwapFree')
  if (!(total > 0) || Number.isNaN(available)) return null
  return { totalBytes: total, availableBytes: available, swapUsedBytes: Number.isNaN(swap) ? 0 : swap }
}

/** In a container the cgroup's limit counts, if it is below what the machine has. Pages of files can be dropped: they are not "used". */
function narrower(machine: Memory | null, cgroup: Readings['cgroup']): Memory | null {
  const limit = Number(cgroup?.limit?.trim() ?? Number.NaN) // v2 says "max" where there is none, v1 a number near 2^63
  const used = Number(cgroup?.used?.trim() ?? Number.NaN)
  if (!(limit > 0) || Number.isNaN(used) || (machine !== null && limit >= machine.totalBytes)) return machine
  const droppable = Number(/^(?:total_)?inactive_file (\d+)/m.exec(cgroup?.stat ?? '')?.[1] ?? 0)
  const available = Math.max(0, limit - Math.max(0, used - droppable))
  return {
    totalBytes: limit,
    availableBytes: Math.min(available, machine?.availableBytes ?? available),
    swapUsedBytes: machine?.swapUsedBytes ?? 0,
  }
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(0)
}

/** What the kernel says now. `dataPath` lies on the disk whose room counts; `root` is where `/proc` and `/sys` are. */
export async function readResources(dataPath: string, root = ''): Promise<Readings> {
  const [meminfo, loadavg, cgroup, disk] = await Promise.all([
    text(`${root}/proc/meminfo`),
    text(`${root}/proc/loadavg`),
    readCgroup(root),
    statfs(dataPath).catch(() => null),
  ])
  return { meminfo, loadavg, cores: availableParallelism(), cgroup, freeDiskBytes: disk && disk.bavail * disk.bsize }
}

async function readCgroup(root: string): Promise<Readings['cgroup']> {
  const membership = (await text(`${root}/proc/self/cgroup`)) ?? ''
  const v2 = /^0::(.*)$/m.exec(membership)?.[1]
  const v1 = /^\d+:[^:]*\bmemory\b[^:]*:(.*)$/m.exec(membership)?.[1]
  const mounted = `${root}/sys/fs/cgroup`
  // Inside a container the own group is mounted at the root, whatever its name outside.
  const folders: readonly (readonly [string, 'v1' | 'v2'])[] = [
    ...(v1 === undefined
      ? []
      : ([
          [`${mounted}/memory${v1}`, 'v1'],
          [`${mounted}/memory`, 'v1'],
        ] as const)),
    ...(v2 === undefined
      ? []
      : ([
          [`${mounted}${v2}`, 'v2'],
          [mounted, 'v2'],
        ] as const)),
  ]
  for (const [folder, version] of folders) {
    const limit = await text(`${folder}/${version === 'v2' ? 'memory.max' : 'memory.limit_in_bytes'}`)
    if (limit === null) continue
    const used = await text(`${folder}/${version === 'v2' ? 'memory.current' : 'memory.usage_in_bytes'}`)
    return { limit, used, stat: await text(`${folder}/memory.stat`) }
  }
  return null
}

function text(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null)
}

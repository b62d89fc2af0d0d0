import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkGate, type Readings, readResources, type Thresholds } from './resources.ts'

const thresholds: Thresholds = {
  minMemoryBytes: 600e6,
  maxMemoryPercent: 72,
  maxSwapBytes: 200e6,
  maxLoad: 2,
  minDiskBytes: 100e6,
}
const kb = (bytes: number) => Math.round(bytes / 1024)
const meminfo = (total: number, available: number, swap = 0) =>
  `MemTotal: ${kb(total)} kB\nMemAvailable: ${kb(available)} kB\nSwapTotal: ${kb(swap * 2)} kB\nSwapFree: ${kb(swap)} kB\n`
const GB = 1024 ** 3
const roomy: Readings = {
  meminfo: meminfo(8 * GB, 6 * GB),
  loadavg: '0.50 0.4 0.3 1/200 99',
  cores: 2,
  cgroup: null,
  freeDiskBytes: GB,
}

it('is open on a machine with room', () => {
  expect(checkGate(roomy, thresholds)).toEqual({ open: true })
})

it.each<[string, Partial<Readings>, string]>([
  ['too little memory', { meminfo: meminfo(1 * GB, 0.5 * GB) }, 'memory'],
  ['too much of it used', { meminfo: meminfo(8 * GB, 2 * GB) }, 'memory'],
  ['swapping', { meminfo: meminfo(8 * GB, 6 * GB, 300e6) }, 'swap'],
  ['busy', { loadavg: '4.10 1 1 1/1 1' }, 'load'],
  ['full', { freeDiskBytes: 1e6 }, 'disk'],
  [
    'in a small container, cgroup v2',
    { cgroup: { limit: '1073741824', used: '900000000', stat: 'inactive_file 0' } },
    'memory',
  ],
  [
    'in a small container, cgroup v1',
    { cgroup: { limit: '1073741824', used: '900000000', stat: 'total_inactive_file 0' } },
    'memory',
  ],
])('waits when %s', (_, change, reason) => {
  const gate = checkGate({ ...roomy, ...change }, thresholds)
  expect(gate).toMatchObject({ open: false, reason })
  if (!gate.open) expect(gate.estimateMs).toBeGreaterThan(0)
})

it.each<[string, Partial<Readings>]>([
  ['a container without a limit', { cgroup: { limit: 'max', used: '900', stat: null } }],
  [
    'a container whose memory is files that can be dropped',
    { cgroup: { limit: '2147483648', used: '2000000000', stat: 'inactive_file 1700000000' } },
  ],
  ['a system that tells nothing', { meminfo: null, loadavg: null, freeDiskBytes: null }],
])('is open in %s', (_, change) => {
  expect(checkGate({ ...roomy, ...change }, thresholds)).toEqual({ open: true })
})

describe('reading the kernel', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'kith-kernel-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))
  function write(files: Record<string, string>) {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
  }
  const limited = { limit: '1073741824\n', used: '900000000\n', stat: 'inactive_file 7\n' }
  const v2 = (folder: string) => ({
    [`${folder}/memory.max`]: limited.limit,
    [`${folder}/memory.current`]: limited.used,
    [`${folder}/memory.stat`]: limited.stat,
  })
  const v1 = (folder: string) => ({
    [`${folder}/memory.limit_in_bytes`]: limited.limit,
    [`${folder}/memory.usage_in_bytes`]: limited.used,
    [`${folder}/memory.stat`]: limited.stat,
  })
  const V1 = '12:cpu,cpuacct:/\n4:memory:/docker/abc\n0::/docker/abc\n'

  it.each<[where: string, membership: string, files: Record<string, string>]>([
    ['a unit of systemd', '0::/system.slice/kith.service\n', v2('sys/fs/cgroup/system.slice/kith.service')],
    ['a container', '0::/\n', v2('sys/fs/cgroup')],
    ['a container that knows its name outside', '0::/docker/abc\n', v2('sys/fs/cgroup')],
    ['a group of cgroup v1', V1, v1('sys/fs/cgroup/memory/docker/abc')],
    ['a container of cgroup v1', V1, v1('sys/fs/cgroup/memory')],
    ['a controller that shares its hierarchy', '3:cpuset,memory:/kith\n', v1('sys/fs/cgroup/memory/kith')],
  ])('finds the limit of %s', async (_where, membership, files) => {
    write({ 'proc/self/cgroup': membership, ...files })
    expect((await readResources(root, root)).cgroup).toEqual(limited)
  })

  it('takes the limit of its own group, not that of the one above', async () => {
    write({
      'proc/self/cgroup': '0::/kith\n',
      ...v2('sys/fs/cgroup/kith'),
      'sys/fs/cgroup/memory.max': 'max\n',
      'sys/fs/cgroup/memory.current': '1\n',
    })
    expect((await readResources(root, root)).cgroup).toEqual(limited)
  })

  it('takes the texts as they are, and null for what is not there', async () => {
    expect(await readResources(root, root)).toMatchObject({ meminfo: null, loadavg: null, cgroup: null })
    write({ 'proc/meminfo': meminfo(8 * GB, 6 * GB), 'proc/loadavg': '4.10 1 1 1/1 1\n' })
    const readings = await readResources(root, root)
    expect(readings).toMatchObject({ meminfo: meminfo(8 * GB, 6 * GB), loadavg: '4.10 1 1 1/1 1\n', cgroup: null })
    expect(checkGate(readings, { ...thresholds, maxLoad: 4.1 / readings.cores })).toMatchObject({ reason: 'load' })
  })

  it('reads this machine', async () => {
    const readings = await readResources('/')
    expect(readings.cores).toBeGreaterThan(0)
    expect(readings.freeDiskBytes).toBeGreaterThan(0)
    if (!existsSync('/proc/meminfo')) return
    expect(readings.meminfo).toMatch(/^MemTotal: +\d{6,} kB$/m)
    expect(readings.meminfo).toMatch(/^MemAvailable: +\d+ kB$/m)
    expect(readings.loadavg).toMatch(/^\d+\.\d\d /)
    // Version 2 has none at the root of a machine, only in a container.
    const roots = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']
    if (!roots.some((path) => existsSync(path))) return
    expect(readings.cgroup?.limit).toMatch(/^(max|\d+)\n$/)
    expect(Number(readings.cgroup?.used)).toBeGreaterThan(0)
  })
})

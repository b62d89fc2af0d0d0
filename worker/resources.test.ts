import { expect, it } from 'vitest'
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

it('reads this machine', async () => {
  const readings = await readResources('/')
  expect(readings.cores).toBeGreaterThan(0)
  expect(readings.freeDiskBytes).toBeGreaterThan(0)
})

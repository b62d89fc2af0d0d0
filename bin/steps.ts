import { spawn } from 'node:child_process'

export interface Step {
  name: string
  command: [program: string, ...args: string[]]
  /** Let its lines through as they come; else they are shown only where it fails. */
  isLoud?: boolean
}

/** Runs one check and says how it went. Programs of node_modules/.bin are found by name: bin/setup puts them on the path. */
export async function runStep({ name, command: [program, ...args], isLoud = false }: Step): Promise<boolean> {
  const startMs = performance.now()
  if (isLoud) process.stdout.write(`\n${name}\n`)
  const output: Buffer[] = []
  const child = spawn(program, args, { stdio: ['ignore', isLoud ? 'inherit' : 'pipe', isLoud ? 'inherit' : 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => output.push(chunk))
  const isFine = await new Promise<boolean>((resolve) => {
    child.once('error', (error) => {
      output.push(Buffer.from(`${error.message}\n`))
      resolve(false)
    })
    child.once('close', (code) => resolve(code === 0))
  })
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  process.stdout.write(`${isFine ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`)
  if (!isFine) process.stdout.write(Buffer.concat(output))
  return isFine
}

export const UNIT_RESULTS = 'test-results/unit.json'

/** The fast part: `npm run verify`. */
export const VERIFY: Step[] = [
  { name: 'format and lint', command: ['biome', 'check', '--error-on-warnings', '.'] },
  { name: 'types', command: ['tsc', '-b'] },
  { name: 'walls', command: ['node', 'bin/check-walls.ts'] },
  { name: 'dead code', command: ['knip', '--no-config-hints'] },
  {
    name: 'unit tests',
    command: ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${UNIT_RESULTS}`],
    isLoud: true,
  },
]

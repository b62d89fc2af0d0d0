/** Asks the registry for known weaknesses of what is installed. A registry that cannot answer is no finding. */
import { spawnSync } from 'node:child_process'

interface Answer {
  error?: unknown
  message?: string
  metadata?: { vulnerabilities?: { total?: number } }
}

const { stdout } = spawnSync('npm', ['audit', '--audit', '--json'], { encoding: 'utf8' })
const answer = parse(stdout)
const total = answer.metadata?.vulnerabilities?.total
if (total === undefined) {
  process.stderr.write(`The registry does not answer audits (${answer.message ?? 'no answer'}): not checked.\n`)
} else if (total > 0) {
  process.stdout.write(`${stdout}\n${total} known weaknesses among the dependencies.\n`)
  process.exitCode = 1
}

function parse(text: string): Answer {
  try {
    return JSON.parse(text) as Answer
  } catch {
    return {}
  }
}

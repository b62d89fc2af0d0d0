/** `npm run build`: the client into dist/client, where its sources changed. */
import { buildClient } from './run/build-client.ts'

try {
  buildClient((line) => process.stderr.write(`${line}\n`))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}

/** Checks who imports whom and says why not. Exit code 1 where a wall is broken. */
import { globSync, readFileSync } from 'node:fs'
import { checkWalls } from './walls/check.ts'

const FOLDERS = '{bin,bench,client,e2e,migrations,server,shared,sw,worker}/**/*.ts'

const paths = globSync([FOLDERS, '*.ts']).map((path) => path.replaceAll('\\', '/'))
const violations = checkWalls(new Map(paths.map((path) => [path, readFileSync(path, 'utf8')])))
for (const { path, line, message } of violations) process.stderr.write(`${path}:${line}  ${message}\n`)
process.stdout.write(`walls: ${paths.length} files, ${violations.length} broken\n`)
process.exitCode = violations.length > 0 ? 1 : 0

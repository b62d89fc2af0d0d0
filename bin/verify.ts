/** The fast checks, all of them, also after one failed. Exit code 1 where one did. */
import { runStep, VERIFY } from './steps.ts'

for (const step of VERIFY) if (!(await runStep(step))) process.exitCode = 1

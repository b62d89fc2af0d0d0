/// <reference lib="webworker" />
import { padme } from '../../shared/format/padme.ts'
import { faultWith, knownObjects } from '../../shared/testing/known-objects.ts'
import lengths from '../../shared/vectors/padme.json' with { type: 'json' }

/** Runs in a page and in a Service Worker: where it runs, how much it looked at, and what came out otherwise than is known. */
async function checkKnownAnswers(): Promise<{ realm: string; looked: number; faults: string[] }> {
  const faults: string[] = []
  for (const known of knownObjects) {
    const fault = await faultWith(known)
    if (fault !== null) faults.push(`${known.comment}: ${fault}`)
  }
  for (const [length = 0, padded] of lengths.cases) {
    if (padme(length) !== padded) faults.push(`padme(${length}) is ${padme(length)}`)
  }
  return { realm: globalThis.constructor.name, looked: knownObjects.length + lengths.cases.length, faults }
}
export type KnownAnswers = { checkKnownAnswers: typeof checkKnownAnswers }
Object.assign(globalThis, { checkKnownAnswers })

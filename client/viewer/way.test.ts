import { describe, expect, it } from 'vitest'
import { type Facts, isWay, type Trouble, type Way, waitsForServer, wayFor } from './way.ts'

const nothing: Facts = {
  isMade: false,
  isServerThere: false,
  isStreamHere: false,
  isOriginalHere: false,
  claimsOriginal: false,
}
const names = Object.keys(nothing) as (keyof Facts)[]
const everything = Array.from(
  { length: 2 ** names.length },
  (_, bits) => Object.fromEntries(names.map((name, i) => [name, ((bits >> i) & 1) === 1])) as Facts,
)
const facts = (...are: (keyof Facts)[]): Facts => ({
  ...nothing,
  ...Object.fromEntries(are.map((name) => [name, true])),
})

/** What is tried one after the other while all of it fails, and what is said in the end. */
function tried(all: Facts): (Way | Trouble)[] {
  const failed = new Set<Way>()
  const found: (Way | Trouble)[] = []
  for (;;) {
    const next = wayFor(all, failed)
    found.push(next)
    if (!isWay(next)) return found
    if (failed.has(next)) throw new Error(`${next} is tried without end`)
    failed.add(next)
  }
}

describe('a video', () => {
  it.each<[string, Facts, (Way | Trouble)[]]>([
    ['with the server there', facts('isMade', 'isServerThere'), ['stream', 'no-answer']],
    [
      'that is kept, with a server that goes',
      facts('isMade', 'isServerThere', 'isStreamHere'),
      ['stream', 'kept', 'no-answer'],
    ],
    ['that is kept, without network', facts('isMade', 'isStreamHere'), ['kept', 'no-answer']],
    ['of which nothing is whole here, without network', facts('isMade', 'claimsOriginal'), ['no-answer']],
    [
      'whose original alone is kept, which this browser cannot play',
      facts('isMade', 'isOriginalHere'),
      ['original', 'original-alone'],
    ],
    [
      'whose original cannot be played, with a server that is there and does not give the rest',
      facts('isMade', 'isServerThere', 'isOriginalHere'),
      ['stream', 'original', 'original-alone'],
    ],
    ['that was just uploaded', facts('isServerThere', 'claimsOriginal'), ['original', 'not-yet']],
    ['that was just uploaded, of a kind that no browser plays', facts('isServerThere'), ['being-made']],
  ])('%s', (_, all, order) => expect(tried(all)).toEqual(order))

  it('whose original could not be played begins once there are qualities', () => {
    const failed = new Set<Way>(['original'])
    expect(wayFor(facts('isServerThere', 'claimsOriginal'), failed)).toBe('not-yet')
    expect(wayFor(facts('isMade', 'isServerThere', 'claimsOriginal'), failed)).toBe('stream')
  })

  it('never tries again what has failed, whatever comes and goes on the device and at the server meanwhile', () => {
    let ends = 0
    const goOn = (failed: ReadonlySet<Way>): void => {
      for (const now of everything) {
        const found = wayFor(now, failed)
        if (isWay(found)) {
          expect(failed).not.toContain(found)
          goOn(new Set([...failed, found]))
        } else ends += 1
      }
    }
    goOn(new Set())
    expect(ends).toBeGreaterThan(everything.length)
  })

  it('plays only by what is there', () => {
    for (const now of everything) {
      const found = wayFor(now, new Set())
      if (found === 'stream') expect(now).toMatchObject({ isMade: true, isServerThere: true })
      if (found === 'kept') expect(now).toMatchObject({ isMade: true, isStreamHere: true })
      if (found === 'original' && now.isMade) expect(now.isOriginalHere).toBe(true)
    }
  })

  it('that there are qualities of, and that does not play, waits for a server', () => {
    const ends = everything.filter(({ isMade }) => isMade).map((now) => tried(now).at(-1) as Trouble)
    expect(ends.every(waitsForServer)).toBe(true)
  })
})

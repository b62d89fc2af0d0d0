/**
 * What a video is played by. `stream`: its qualities, from the server and from what is here; `kept`: the qualities on this
 * device alone; `original`: the file as it was uploaded.
 */
export type Way = 'stream' | 'kept' | 'original'

/**
 * Why nothing plays. `being-made`: no browser plays the original, and no quality is ready; `not-yet`: this one does not,
 * by trying; `original-alone`: nor is there a quality on this device; `no-answer`: something is missing here that the
 * server has; `broken`: what is there does not play on.
 */
export type Trouble = 'being-made' | 'not-yet' | 'original-alone' | 'no-answer' | 'broken'

export type Facts = {
  /** Whether there are qualities of it. */
  readonly isMade: boolean
  /** Also where nobody asked, since nothing is kept. */
  readonly isServerThere: boolean
  readonly isStreamHere: boolean
  readonly isOriginalHere: boolean
  /** Whether the browser says that it may play the original's type. */
  readonly claimsOriginal: boolean
}

/**
 * The best way that is left.
 * @param failed since something new has happened, such as a server that is back, or somebody who tries again. What is in
 * there is never taken: a failure leads on to another way, or ends.
 */
export function wayFor(facts: Facts, failed: ReadonlySet<Way>): Way | Trouble {
  const { isMade, isServerThere, isStreamHere, isOriginalHere, claimsOriginal } = facts
  if (!isMade) {
    if (failed.has('original')) return 'not-yet'
    return claimsOriginal ? 'original' : 'being-made'
  }
  if (isServerThere && !failed.has('stream')) return 'stream'
  if (isStreamHere && !failed.has('kept')) return 'kept'
  if (!isOriginalHere) return 'no-answer'
  // There is nothing else: tried whatever the browser says of its type.
  return failed.has('original') ? 'original-alone' : 'original'
}

export function isWay(found: Way | Trouble): found is Way {
  return found === 'stream' || found === 'kept' || found === 'original'
}

/** Whether it may end once the server answers; the other troubles wait for the worker, or for a person. */
export function waitsForServer(trouble: Trouble | null): boolean {
  return trouble === 'no-answer' || trouble === 'original-alone'
}

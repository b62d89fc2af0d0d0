import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common'

const judge = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs })

/** 0 (guessed at once) to 4. Loaded with the first character of a new password: the word lists are large. */
export function strengthOf(password: string): number {
  return judge.check(password.slice(0, 128)).score
}

import { expect, it } from 'vitest'
import { oneEmoji } from './emoji.ts'

it.each(['🎉', '❤️', '❤', '👍🏽', '🇩🇪', '1️⃣', '👨‍👩‍👧‍👦', '🏴󠁧󠁢󠁳󠁣󠁴󠁿', '👩🏿‍❤️‍💋‍👩🏻', '❤️‍🔥', ' 🎉 '])(
  '%s is one emoji',
  (text) => {
    expect(oneEmoji(text)).toBe(text.trim())
  },
)

it.each(['', ' ', 'a', '1', '#', '🎉🎉', '🎉a', 'ok 👍', '🇩', '<b>', `🎉${'\u200D🎉'.repeat(20)}`])(
  '%j is none',
  (text) => {
    expect(oneEmoji(text)).toBeNull()
  },
)

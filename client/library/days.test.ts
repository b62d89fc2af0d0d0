import { expect, it } from 'vitest'
import { dayLabel, durationLabel, sizeLabel, timeLeftLabel } from './days.ts'

const noon = new Date(2026, 10, 20, 12).getTime()
it.each([
  [new Date(2026, 10, 20, 0, 1), 'Today'],
  [new Date(2026, 10, 19, 23, 59), 'Yesterday'],
  [new Date(2026, 10, 17, 8), 'Tuesday, November 17'],
  [new Date(2025, 10, 17, 8), 'Monday, November 17, 2025'],
])('%s is %s', (date, label) => {
  expect(dayLabel(date.getTime(), noon)).toBe(label)
})
it('names each day of a year as the system would', () => {
  const day = new Intl.DateTimeFormat('en', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })
  for (let date = new Date(2024, 0, 1, 12); date.getFullYear() === 2024; date.setDate(date.getDate() + 1))
    expect(dayLabel(date.getTime(), noon)).toBe(day.format(date))
})
it.each([
  [0, '0:00'],
  [65_000, '1:05'],
  [3_723_000, '1:02:03'],
])('lasts %i ms: %s', (ms, label) => expect(durationLabel(ms)).toBe(label))
it.each([
  [950, '950 B'],
  [1234, '1.2 kB'],
  [536_870_912, '537 MB'],
])('%i bytes: %s', (bytes, label) => expect(sizeLabel(bytes)).toBe(label))
it.each([
  [10, '1 s'],
  [61_000, '2 min'],
  [7_200_000, '2 h'],
])('%i ms left: %s', (ms, label) => expect(timeLeftLabel(ms)).toBe(label))

import { expect, it } from 'vitest'
import { AppError } from '../../shared/errors.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import { Signal } from '../app/signal.ts'
import type { Group } from '../groups/group.ts'
import { chosenGroup, settledGroup } from './current-group.ts'

const [ME, US] = ['me', 'us'] as GroupId[]
const personal = { groupId: ME, kind: 'personal' } as Group
const circle = { groupId: US, kind: 'circle' } as Group

/** Two groups in the vault, which open one after the other. */
function opening() {
  const all = new Signal<ReadonlyMap<GroupId, Group>>(new Map())
  const failures = new Signal<ReadonlyMap<GroupId, AppError>>(new Map())
  const groups = {
    all,
    failures,
    get isWhole() {
      return [ME, US].every((id) => all.value.has(id as GroupId) || failures.value.has(id as GroupId))
    },
  }
  const open = (group: Group) => {
    all.value = new Map([...all.value, [group.groupId, group]])
  }
  return { groups, open, fail: (id: GroupId) => (failures.value = new Map([[id, new AppError('group/fork')]])) }
}
const never = () => expect.unreachable('there is nothing to wait for')

it('is the circle at once where that is open, whatever else is to come', async () => {
  const { groups, open } = opening()
  open(circle)
  expect(await settledGroup(groups, never)).toBe(circle)
})

it('is not what only I see because the circle opens later', async () => {
  const { groups, open } = opening()
  open(personal)
  let waited = 0
  const settled = settledGroup(groups, () => waited++)
  open(circle)
  expect(await settled).toBe(circle)
  expect(waited).toBe(1)
})

it('is what only I see where I chose that, or where the circle does not open', async () => {
  const { groups, open, fail } = opening()
  open(personal)
  chosenGroup.value = ME as GroupId
  expect(await settledGroup(groups, never)).toBe(personal)
  chosenGroup.value = null
  const settled = settledGroup(groups, () => undefined)
  fail(US as GroupId)
  expect(await settled).toBe(personal)
})

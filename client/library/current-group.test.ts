import { beforeEach, expect, it } from 'vitest'
import { AppError } from '../../shared/errors.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import type { SessionState } from '../app/session.ts'
import { Signal } from '../app/signal.ts'
import type { Group } from '../groups/group.ts'
import { chosenGroup, currentGroup, settledGroup } from './current-group.ts'

const [ME, US] = ['me', 'us'] as [GroupId, GroupId]
const personal = { groupId: ME, kind: 'personal' } as Group
const circle = { groupId: US, kind: 'circle' } as Group

/** Somebody who has just begun: two groups in the vault, which open one after the other. */
class Opening {
  readonly state = new Signal({ kind: 'unlocked', online: true } as SessionState)
  readonly groups = {
    all: new Signal<ReadonlyMap<GroupId, Group>>(new Map()),
    failures: new Signal<ReadonlyMap<GroupId, AppError>>(new Map()),
    isWhole: false,
  }

  get isOnline(): boolean {
    return this.state.value.kind === 'unlocked' && this.state.value.online
  }

  requireUnlocked() {
    if (this.state.value.kind !== 'unlocked') throw new AppError('auth/required')
    return { groups: this.groups }
  }

  open(group: Group): void {
    const { all } = this.groups
    const next = new Map(all.value).set(group.groupId, group)
    this.groups.isWhole = next.size === 2
    all.value = next
  }

  fail(group: Group): void {
    this.groups.isWhole = true
    this.groups.failures.value = new Map([[group.groupId, new AppError('group/fork')]])
  }
}
const never = () => expect.unreachable('there is nothing to wait for')
const gladly = () => undefined

let opening: Opening
beforeEach(() => {
  chosenGroup.value = null
  opening = new Opening()
})

it('is the circle at once where that is open, whatever else is to come', async () => {
  opening.open(circle)
  expect(currentGroup(opening)).toBe(circle)
  expect(await settledGroup(opening, never)).toBe(circle)
})

it('is not said, nor taken for what is shared, while a circle may still come before what only I see', async () => {
  opening.open(personal)
  expect(currentGroup(opening)).toBeNull()
  let waited = 0
  const settled = settledGroup(opening, () => waited++)
  opening.open(circle)
  expect(await settled).toBe(circle)
  expect(waited).toBe(1)
})

it('is what only I see where I choose that, before or while I wait', async () => {
  opening.open(personal)
  const settled = settledGroup(opening, gladly)
  chosenGroup.value = ME
  expect(await settled).toBe(personal)
  expect(await settledGroup(opening, never)).toBe(personal)
})

it.each([
  ['the circle does not open', (begun: Opening) => begun.fail(circle)],
  ['the server is away', (begun: Opening) => (begun.state.value = { kind: 'unlocked', online: false } as SessionState)],
])('is what only I see where %s', async (_, happens) => {
  opening.open(personal)
  const settled = settledGroup(opening, gladly)
  happens(opening)
  expect(await settled).toBe(personal)
  expect(currentGroup(opening)).toBe(personal)
})

it('waits no longer than Kith is open', async () => {
  opening.open(personal)
  const settled = settledGroup(opening, gladly)
  opening.state.value = { kind: 'signed-out' }
  await expect(settled).rejects.toThrow(AppError)
})

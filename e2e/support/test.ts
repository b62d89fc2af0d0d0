import { test as base } from '@playwright/test'
import { Person } from './person.ts'
import { World } from './world.ts'

type Fixtures = {
  world: World
  /** Lets somebody arrive with a browser of their own. */
  arrive: (name: string) => Promise<Person>
}

/** Each test has a Kith of its own, whose worker starts where somebody enrols it, and is shown what pages complained about when it fails. */
export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads which fixtures are wanted from the pattern
  world: async ({}, use) => {
    const world = await World.open({ worker: false })
    await use(world)
    await world.close()
  },
  arrive: async ({ browser, world }, use, info) => {
    const people: Person[] = []
    await use(async (name) => {
      const person = await Person.arrive(browser, world, name)
      people.push(person)
      return person
    })
    for (const { name, complaints, context } of people) {
      if (info.status !== info.expectedStatus) {
        await info.attach(`complaints of ${name}'s page`, { body: complaints.join('\n') })
      }
      await context.close()
    }
  },
})
export { expect } from '@playwright/test'

import type { KithApp } from '../../client/app/kith-app.ts'
import type { Services } from '../../client/app/services.ts'
import { askedBy, fillConversation, withDatabase, writingOf } from '../conversations.ts'
import { type Bench, figure } from '../figure.ts'
import { goTo, withPerson } from '../world.ts'

const CONVERSATIONS = 200
/** A week of a lively conversation. */
const EACH = 50

/** Somebody with many friends comes back after a week: from opening the app until every message is verified, kept and listed. */
export const bench: Bench = {
  name: 'chat-catch-up',
  run: (log) =>
    withPerson({ worker: false }, async (ada, world) => {
      const { page } = ada
      const { me } = await writingOf(ada)
      const askers = await withDatabase(world, (db) => askedBy(db, me.userId, CONVERSATIONS))
      log(`${askers.size} people have asked`)
      await page.evaluate(acceptAll)
      const { all } = await writingOf(ada)
      log(`${all.length} are friends`)
      await page.goto('about:blank')
      await withDatabase(world, async (db) => {
        for (const one of all) {
          const writer = askers.get(one.peer)
          if (writer) await fillConversation(db, one, [writer], EACH)
        }
      })
      log('a week has passed')
      await goTo(page, `${world.origin}/chats`)
      const seconds = await page.evaluate(untilUnread, CONVERSATIONS * EACH)
      return [figure('chat-catch-up: 200 conversations, 50 messages each', 's', { ours: seconds }, { atMost: 30 })]
    }),
}

/** In the page. */
async function acceptAll(): Promise<void> {
  const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
  const { friends } = await services.openTalk()
  await friends.catchUp()
  for (const { connectionId, state } of friends.list.value) {
    if (state === 'asked') await friends.accept(connectionId)
  }
}

/** In the page: seconds from the navigation until so many messages are listed as not read. */
async function untilUnread(count: number): Promise<number> {
  const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
  await services.session.state.until(({ kind }) => kind === 'unlocked')
  const { chat } = await services.openTalk()
  await chat.unread.until((unread) => unread === count)
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
  return performance.now() / 1000
}

import type { KithApp } from '../../client/app/kith-app.ts'
import type { Services } from '../../client/app/services.ts'
import type { Person } from './person.ts'

/** The conversation as the page's own engine has it, without a screen. */
export async function chatOf({ page }: Person) {
  return page.evaluateHandle(async () => {
    const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
    const { chat } = await services.openTalk()
    const [first] = await chat.conversations.until((all) => all.length > 0)
    if (!first) throw new Error('no conversation')
    const thread = await chat.open(first.connectionId)
    return {
      thread,
      outbox: chat.outbox,
      texts: async () => {
        const messages = await thread.read(0, thread.total.value)
        return messages.map(({ content, state }) => [content.type === 'text' ? content.text : content.type, state])
      },
      /** Waits until what is shown is so. */
      shown: async (isSo: (messages: Awaited<ReturnType<typeof thread.read>>) => boolean) => {
        for (;;) {
          const { value } = thread.revision
          if (isSo(await thread.read(0, thread.total.value))) return
          await thread.revision.until((now) => now !== value)
        }
      },
      until: async (text: string) => {
        await thread.revision.until(() => true)
        for (;;) {
          const { value } = thread.revision
          const messages = await thread.read(0, thread.total.value)
          if (messages.some(({ content }) => content.type === 'text' && content.text === text))
            return performance.timeOrigin + performance.now()
          await thread.revision.until((now) => now !== value)
        }
      },
    }
  })
}

/** Two people of one circle who talk to each other. */
export async function befriended(arrive: (name: string) => Promise<Person>) {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const link = await ada.invite()
  const ben = await arrive('ben')
  await ben.joinBy(link)
  await ada.befriend(ben)
  return { ada, ben }
}

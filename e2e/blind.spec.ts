import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Canary, findCanaries, searchFolder } from './support/canaries.ts'
import { chatOf } from './support/chat.ts'
import { corpusFile, makePhoto, makeVideo } from './support/media.ts'
import type { Person } from './support/person.ts'
import { expect, test } from './support/test.ts'

const canaries: Canary[] = [
  { what: 'the password', text: 'velvet-Kanarienvogel-quartz-91' },
  { what: 'the circle’s name', text: 'Zeisigfreunde' },
  { what: 'a file’s name', text: 'Stieglitz-am-Morgen' },
  { what: 'a title', text: 'Gimpel in der Hecke' },
  { what: 'a description', text: 'Girlitz vor dem Fenster' },
  { what: 'a video’s metadata', text: 'Bluthaenfling-Metadaten' },
  { what: 'a file’s content', text: 'Kernbeisser steht in dieser Datei' },
  { what: 'a photo’s metadata', text: 'Bergfink-Metadaten' },
]
const chatCanaries: Canary[] = [
  { what: 'a note', text: 'Goldammer am Zaun' },
  { what: 'a message', text: 'Heidelerche singt schon' },
  { what: 'what a message became', text: 'Haubenlerche singt doch' },
  // Longer than one character, so that it is in no ciphertext by chance.
  { what: 'a reaction', text: '👩🏽‍🚀🐦‍🔥👩🏽‍🚀' },
  { what: 'a draft', text: 'Feldlerche kommt erst morgen' },
  { what: 'the name of a file in a chat', text: 'Wintergoldhaehnchen' },
  { what: 'the content of a file in a chat', text: 'Sommergoldhaehnchen steht in dieser Datei' },
  { what: 'what a file came with', text: 'Rotdrossel in der Beilage' },
  { what: 'a voice note', text: 'Singdrossel-in-den-Bytes-der-Aufnahme' },
]
const textOf = (what: string) => chatCanaries.find((one) => one.what === what)?.text ?? ''

/** Everything that two people can tell each other. */
async function talk(ada: Person, ben: Person): Promise<void> {
  await ada.befriend(ben, textOf('a note'))
  const [hers, his] = [await chatOf(ada), await chatOf(ben)]
  await his.evaluate(({ thread }) => thread.typing())
  const text = textOf('a message')
  await hers.evaluate(({ thread }, said) => thread.sendText(said), text)
  await his.evaluate((chat, said) => chat.until(said), text)
  await his.evaluate(
    async ({ thread }, { emoji, draft }) => {
      const [message] = await thread.read(0, 1)
      if (message?.ref) await thread.react(message.ref, emoji)
      await thread.saveDraft(draft)
    },
    { emoji: textOf('a reaction'), draft: textOf('a draft') },
  )
  await hers.evaluate(
    async ({ thread, shown }, { edited, name, content, caption, sound }) => {
      await shown(([first]) => first?.reactions.length === 1)
      const [message] = await thread.read(0, 1)
      if (message?.ref) await thread.edit(message.ref, edited)
      await thread.sendFiles([new File([content], name, { type: 'text/plain' })], { text: caption })
      await thread.sendVoice(new Blob([sound], { type: 'audio/webm' }), { durationMs: 1000, waveform: [0, 9, 0] })
    },
    {
      edited: textOf('what a message became'),
      name: `${textOf('the name of a file in a chat')}.txt`,
      content: textOf('the content of a file in a chat').repeat(200),
      caption: textOf('what a file came with'),
      sound: textOf('a voice note').repeat(200),
    },
  )
  // All of it has come, and opens: what is searched for afterwards did go over the wire.
  const read = await his.evaluate(async ({ thread, shown }) => {
    await shown((messages) => messages.length === 3 && messages[0]?.isEdited === true)
    const messages = await thread.read(0, 3)
    const files = messages.flatMap(({ content }) => (content.type === 'media' ? [content.media] : []))
    const bodies = files.map(async ({ mediaId }) => (await fetch(`/media/${mediaId}/original`)).text())
    return JSON.stringify([messages.map(({ content, reactions }) => [content, reactions]), await Promise.all(bodies)])
  })
  const unread = new Set(['a note', 'a draft', 'a message'])
  for (const { what, text } of chatCanaries) if (!unread.has(what)) expect(read, what).toContain(text)
}

test('nothing that the server stores, logs or sends tells what people share', async ({ world, arrive }) => {
  const ada = await arrive('ada')
  const password = canaries[0]?.text ?? ''
  await ada.makeCircle('Zeisigfreunde', password)
  await ada.enrolWorker()
  const link = await ada.invite()
  const video = join(world.folder, 'Stieglitz-am-Morgen.mp4')
  const text = join(world.folder, 'notes.txt')
  await makeVideo(video, { seconds: 4, width: 640, height: 360, title: 'Bluthaenfling-Metadaten' })
  await writeFile(text, 'Kernbeisser steht in dieser Datei\n'.repeat(200))
  const described = await makePhoto(join(world.folder, 'described.jpg'), 'Bergfink-Metadaten')
  const photo = corpusFile('photo-gps.jpg')
  await ada.upload(video, text, described, ...(photo ? [photo] : []))
  await ada.finished('Stieglitz-am-Morgen')
  await ada.open('Stieglitz-am-Morgen')
  await ada.page.getByRole('button', { name: 'Edit' }).click()
  await ada.page.getByLabel('Title').fill('Gimpel in der Hecke')
  await ada.page.getByLabel('Description').fill('Girlitz vor dem Fenster')
  await ada.page.getByRole('button', { name: 'Save' }).click()
  await expect(ada.page.getByRole('heading', { name: 'Gimpel in der Hecke' })).toBeVisible()

  const ben = await arrive('ben')
  await ben.joinBy(link, `${password}-ben`)
  await ben.open('Gimpel in der Hecke')
  await ben.plays()
  await ada.go('Settings')
  await ada.page.getByRole('button', { name: 'Lock now' }).click()
  await ada.unlock(password)
  await expect(ada.page.getByRole('navigation', { name: 'Main' })).toBeVisible()

  await talk(ada, ben)

  await world.worker?.stop()
  await world.server.stop()
  const recorded = world.relay.recorded
  // The invite's secret is in a fragment, and the words stay on paper: neither may have crossed the wire.
  const secrets: Canary[] = [
    ...canaries,
    ...chatCanaries,
    { what: 'the invite’s secret', text: link.split('#')[1]?.slice(-40) ?? 'missing' },
    { what: 'the recovery key', text: ada.words.slice(0, 4).join(' ') },
  ]
  // What each place does hold is found by the same search: it looks where it should.
  const seen = (text: string): Canary => ({ what: 'seen', text })
  expect(recorded.length).toBeGreaterThan(100_000)
  for (const text of ['/api/media', '/api/connections/catch-up', '/api/jobs/claim', '42["typing",', '42["connection",'])
    expect(findCanaries('recorded traffic', recorded, [seen(text)])).toContain('seen (raw) in recorded traffic')
  expect(findCanaries('recorded traffic', recorded, secrets)).toEqual([])
  for (const [folder, text] of [
    ['data', 'CREATE TABLE'],
    ['logs', '"ready"'],
    ['worker', 'workerId'],
  ] as const) {
    const { findings } = await searchFolder(join(world.folder, folder), [...secrets, seen(text)])
    expect(findings.some((found) => found.startsWith('seen (raw)'))).toBe(true)
    expect(findings.filter((found) => !found.startsWith('seen ('))).toEqual([])
  }
  // And what was shared holds what is searched for.
  const held = findCanaries('the photo', await readFile(described), canaries)
  expect(held).toContain('a photo’s metadata (raw) in the photo')
  if (photo) {
    const gps = await readFile(photo)
    // Where the camera's own bytes begin: they may be nowhere in the store, for they are its position and make.
    expect(recorded.includes(gps.subarray(0, 512))).toBe(false)
  }
})

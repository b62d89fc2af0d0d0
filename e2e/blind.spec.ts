import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Canary, findCanaries, searchFolder } from './support/canaries.ts'
import { corpusFile, makeVideo } from './support/media.ts'
import { expect, test } from './support/test.ts'

const canaries: Canary[] = [
  { what: 'the password', text: 'velvet-Kanarienvogel-quartz-91' },
  { what: 'the circle’s name', text: 'Zeisigfreunde' },
  { what: 'a file’s name', text: 'Stieglitz-am-Morgen' },
  { what: 'a title', text: 'Gimpel in der Hecke' },
  { what: 'a description', text: 'Girlitz vor dem Fenster' },
  { what: 'a video’s metadata', text: 'Bluthaenfling-Metadaten' },
  { what: 'a file’s content', text: 'Kernbeisser steht in dieser Datei' },
]

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
  const photo = corpusFile('photo-gps.jpg')
  await ada.upload(video, text, ...(photo ? [photo] : []))
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

  await world.worker?.stop()
  await world.server.stop()
  const recorded = world.relay.recorded
  // The invite's secret is in a fragment, and the words stay on paper: neither may have crossed the wire.
  const secrets: Canary[] = [
    ...canaries,
    { what: 'the invite’s secret', text: link.split('#')[1]?.slice(-40) ?? 'missing' },
    { what: 'the recovery key', text: ada.words.slice(0, 4).join(' ') },
  ]
  expect(recorded.length).toBeGreaterThan(100_000)
  expect(recorded.includes('/api/media')).toBe(true)
  expect(findCanaries('recorded traffic', recorded, secrets)).toEqual([])
  for (const folder of ['data', 'logs', 'worker']) {
    const { findings, files } = await searchFolder(join(world.folder, folder), secrets)
    expect(files).toBeGreaterThan(0)
    expect(findings).toEqual([])
  }
  if (photo) {
    const gps = await import('node:fs/promises').then(({ readFile }) => readFile(photo))
    // Where the camera's own bytes begin: they may be nowhere in the store, for they are its position and make.
    expect(recorded.includes(gps.subarray(0, 512))).toBe(false)
  }
})

import { join } from 'node:path'
import { makeVideo } from './support/media.ts'
import { expect, test } from './support/test.ts'

test('a video goes from one person, past a blind server, to another', async ({ world, arrive }) => {
  test.setTimeout(240_000)
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  await ada.enrolWorker()
  const link = await ada.invite()

  const video = join(world.folder, 'sea.mp4')
  await makeVideo(video, { seconds: 10 })
  await ada.upload(video)
  await expect(ada.page.getByRole('link', { name: /^sea/ })).toBeVisible({ timeout: 30_000 })

  const ben = await arrive('ben')
  await ben.joinBy(link)
  await ben.open('sea')
  await ben.plays()
  await expect(ben.page.getByLabel('Quality')).toBeVisible({ timeout: 120_000 })
})

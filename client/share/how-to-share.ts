import { type Device, type InstallState, installStateOf } from '../app/install.ts'

const INSTEAD = 'In the library and in chats you can upload files, paste them, or drop them.'

/** How something comes from another app into Kith, on this device. Only Chromium hands it over, and only where the system has a share sheet. */
export function howToShare(state: InstallState, device: Device): string {
  if (installStateOf(false, device) === 'by-hand')
    return 'On an iPhone or iPad no other app can share with a web app. Upload it in the library, or attach it in a chat.'
  const { userAgent } = device
  const hasSheet = /Chrom(e|ium)\//.test(userAgent) && /Android|CrOS|Windows/.test(userAgent)
  if (!hasSheet) return `Other apps cannot share with Kith in this browser. ${INSTEAD}`
  if (state === 'installed') return `Choose Kith in another app’s share sheet, and it comes here, sealed. ${INSTEAD}`
  return `Install Kith, and you can choose it in another app’s share sheet. ${INSTEAD}`
}

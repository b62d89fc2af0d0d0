import { type NotifySettings, readNotifySettings, writeNotifySettings } from '../../shared/device/push-store.ts'
import { AppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import { readPushKey, removePushSubscription, subscriptionBody, writePushSubscription } from '../../shared/wire/push.ts'
import type { Api } from '../app/api.ts'

export type PushState = 'on' | 'off' | 'denied' | 'unsupported'

/** Whether this device is woken when something comes. What the push service carries is empty. */
export class Push {
  readonly #api: Pick<Api, 'call'>

  constructor(api: Pick<Api, 'call'>) {
    this.#api = api
  }

  async state(): Promise<PushState> {
    if (!('serviceWorker' in navigator) || !('PushManager' in globalThis)) return 'unsupported'
    if (Notification.permission === 'denied') return 'denied'
    const subscription = await (await navigator.serviceWorker.ready).pushManager.getSubscription()
    return subscription && Notification.permission === 'granted' ? 'on' : 'off'
  }

  /** After a tap: browsers ask for permission only then. @returns where that has led. */
  async enable(): Promise<PushState> {
    if ((await this.state()) === 'unsupported') return 'unsupported'
    if ((await Notification.requestPermission()) !== 'granted') return this.state()
    const { publicKey } = await this.#api.call(readPushKey)
    const { pushManager } = await navigator.serviceWorker.ready
    const known = await pushManager.getSubscription()
    // Made for another key of the server: it would be refused there.
    if (known && !isFor(known, publicKey)) await known.unsubscribe()
    const options = { userVisibleOnly: true, applicationServerKey: publicKey }
    const subscription = await pushManager.subscribe(options).catch((cause: unknown) => {
      throw new AppError('server/unreachable', 'the push service of this browser does not answer', { cause })
    })
    await this.#tell(subscription)
    return 'on'
  }

  /** After each start: the browser may have a new subscription, or the session is a new one. */
  async renew(): Promise<void> {
    if ((await this.state()) !== 'on') return
    const subscription = await (await navigator.serviceWorker.ready).pushManager.getSubscription()
    if (subscription) await this.#tell(subscription)
  }

  async disable(): Promise<void> {
    const registration = await navigator.serviceWorker?.getRegistration()
    await (await registration?.pushManager?.getSubscription())?.unsubscribe()
    await this.#api.call(removePushSubscription)
  }

  settings(): Promise<NotifySettings> {
    return readNotifySettings()
  }

  async saveSettings(settings: NotifySettings): Promise<void> {
    await writeNotifySettings(settings)
  }

  async #tell(subscription: PushSubscription): Promise<void> {
    await this.#api.call(writePushSubscription, { body: subscriptionBody(subscription) })
  }
}

function isFor({ options }: PushSubscription, publicKey: Bytes): boolean {
  const key = new Uint8Array(options.applicationServerKey ?? new ArrayBuffer(0))
  return key.length === publicKey.length && key.every((byte, index) => byte === publicKey[index])
}

import { Busy } from './busy.ts'
import { early } from './early.ts'
import './kith-app.ts'
import { MediaWorker } from './service-worker.ts'
import { createServices } from './services.ts'

/** Begins the app in a page that has its element. */
export function start(): void {
  const app = document.querySelector('kith-app')
  if (isSecureContext) {
    const busy = new Busy()
    const mediaWorker = import.meta.env.DEV
      ? new MediaWorker('/dev-sw.js?dev-sw', 'module', busy)
      : new MediaWorker('/sw.js', 'classic', busy)
    const services = createServices(mediaWorker, busy)
    if (app) app.services = services
    void mediaWorker.start(services.session)
  } else if (app) {
    // To a page that others could have changed on its way browsers give neither cryptography nor a Service Worker.
    early.giveBack()
    app.broken =
      'Browsers let Kith seal and open things over HTTPS only. Ask whoever runs this server for its address that begins with https://.'
  }
}

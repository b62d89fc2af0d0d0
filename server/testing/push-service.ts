import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'

/** Of 127.0.0.1, known to the tests alone, good until 2126. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBvDCCAWGgAwIBAgIUM7r4oHAXRuOyALLnkwtVL7fq+hkwCgYIKoZIzj0EAwIw
JDEiMCAGA1UEAwwZcHVzaCBzZXJ2aWNlIG9mIHRoZSB0ZXN0czAgFw0yNjExMjEw
MjMzMDZaGA8yMTI2MTAyODAyMzMwNlowJDEiMCAGA1UEAwwZcHVzaCBzZXJ2aWNl
IG9mIHRoZSB0ZXN0czBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABElbuPSKpeRE
U2I3ZZrifnq6vx6xLjUombg7iHKOCRX1GCV9UAzw+mpN8v/7lTo1phxuwuvbZOwB
JAVPPWg9QayjbzBtMB0GA1UdDgQWBBT+tbBnh69EGQhGP7lvgO0bd1h7qTAfBgNV
HSMEGDAWgBT+tbBnh69EGQhGP7lvgO0bd1h7qTAPBgNVHRMBAf8EBTADAQH/MBoG
A1UdEQQTMBGHBH8AAAGCCWxvY2FsaG9zdDAKBggqhkjOPQQDAgNJADBGAiEAvNaR
JEsh1mQxOWJKOkFPUc19UkIpCQcntABxKyEgxVYCIQCFRnSAkfwzSytDhUTGlCWG
+EivEbOuwQV9CiqammFzew==
-----END CERTIFICATE-----
`
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZs2TKfflHPaFR/u5
VVOgE4/8Tw9P7gak31Uv5gEg5ZmhRANCAARJW7j0iqXkRFNiN2Wa4n56ur8esS41
KJm4O4hyjgkV9RglfVAM8PpqTfL/+5U6NaYcbsLr22TsASQFTz1oPUGs
-----END PRIVATE KEY-----
`

export interface Pushed {
  path: string
  method: string
  headers: Record<string, string | string[] | undefined>
  bodyBytes: number
}

/** A push service on this machine, over TLS: what was pushed is in `pushed`, in order. */
export async function startPushService() {
  setDefaultCACertificates([...getCACertificates('default'), CERTIFICATE])
  const pushed: Pushed[] = []
  let waiting: { count: number; done: () => void } | null = null
  const service = {
    pushed,
    url: '',
    host: '',
    /** What is answered; a promise holds the answer back. */
    answer: (_path: string): number | Promise<number> => 201,
    /** Resolves when so many were pushed since the start. */
    reached(count: number): Promise<void> {
      return new Promise((done) => {
        if (pushed.length >= count) done()
        else waiting = { count, done }
      })
    },
    async close(): Promise<void> {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  const server = createServer({ cert: CERTIFICATE, key: KEY }, async (request, response) => {
    let bodyBytes = 0
    for await (const part of request) bodyBytes += (part as Buffer).length
    const { url: path = '', method = '', headers } = request
    pushed.push({ path, method, headers, bodyBytes })
    if (waiting && pushed.length >= waiting.count) waiting.done()
    response.statusCode = await service.answer(path)
    // An endless answer must not fill the memory of whoever pushes.
    if (path.endsWith('/endless')) {
      const timer = setInterval(() => response.write(Buffer.alloc(65_536)), 1)
      response.on('close', () => clearInterval(timer))
      return
    }
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  service.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  service.url = `https://${service.host}`
  return service
}
export type PushService = Awaited<ReturnType<typeof startPushService>>

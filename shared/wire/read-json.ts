/**
 * The JSON of an answer: `null` where it is something else, `undefined` where there is no body.
 * Rejects as `fetch` does where the answer breaks off: that is a network which failed, and no word of the server.
 */
export async function readJson(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined
  return response.json().catch((cause: unknown) => {
    if (cause instanceof SyntaxError) return null
    throw cause
  })
}

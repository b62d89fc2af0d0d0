/** A database that is not what it should be; the message is a sentence for whoever runs the server. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
}

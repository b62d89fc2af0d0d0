/** Whether the database refused a second row with the same `column` (`table.column`). */
export function isTaken(error: unknown, column: string): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return code === 'SQLITE_CONSTRAINT' && String(message).includes(`UNIQUE constraint failed: ${column}`)
}

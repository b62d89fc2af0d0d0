import type { Knex } from 'knex'

/** Who added an entry to a connection's log, and when: so many in a day are taken, also across a restart. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('connection_entries', (table) => {
    table.text('author_id').notNullable().defaultTo('')
    table.bigInteger('created_at').notNullable().defaultTo(0)
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('connection_entries', (table) => {
    table.dropColumn('author_id')
    table.dropColumn('created_at')
  })
}

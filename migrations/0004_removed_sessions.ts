import type { Knex } from 'knex'

/** Sessions that another device ended: whoever comes with one is told to forget everything, and not only to sign in. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('removed_sessions', (table) => {
    table.binary('token_hash').primary()
    table.bigInteger('removed_at').notNullable().index()
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('removed_sessions')
}

import type { Knex } from 'knex'

/** After which message the newest epoch of a connection began: so many devices of one side may write in it. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('connections', (table) => {
    table.bigInteger('epoch_seq').notNullable().defaultTo(0)
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('connections', (table) => {
    table.dropColumn('epoch_seq')
  })
}

import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('media', (table) => {
    table.text('media_id').primary()
    table.text('group_id').notNullable().references('groups.group_id').onDelete('cascade')
    table.text('author_id').notNullable()
    table.bigInteger('epoch').notNullable()
    table.binary('wrapped_content').notNullable()
    table.binary('wrapped_card').notNullable()
    table.bigInteger('card_revision').notNullable()
    table.binary('card_sealed').notNullable()
    table.bigInteger('document_revision').notNullable()
    table.binary('document_sealed')
    table.text('document_worker')
    // The lease under which it was written: the objects that it names stay.
    table.bigInteger('document_fence')
    table.text('state').notNullable()
    table.bigInteger('deleted_at').index()
    table.bigInteger('change_seq').notNullable()
    table.bigInteger('created_at').notNullable()
    table.index(['group_id', 'created_at', 'media_id'])
    table.unique(['group_id', 'change_seq'])
  })
  await knex.schema.createTable('media_changes', (table) => {
    table.text('group_id').primary().references('groups.group_id').onDelete('cascade')
    table.bigInteger('seq').notNullable()
  })
  await knex.schema.createTable('objects', (table) => {
    table.text('media_id').notNullable().references('media.media_id').onDelete('cascade')
    table.text('object_id').notNullable()
    table.bigInteger('size_bytes').notNullable()
    table.binary('sha256').notNullable()
    // The lease under which a worker made it; null: uploaded by the author.
    table.bigInteger('fence')
    table.bigInteger('created_at').notNullable()
    table.primary(['media_id', 'object_id'])
  })
  await knex.schema.createTable('jobs', (table) => {
    table.text('job_id').primary()
    table.text('media_id').notNullable().unique().references('media.media_id').onDelete('cascade')
    table.text('group_id').notNullable().references('groups.group_id').onDelete('cascade')
    table.text('state').notNullable()
    table.text('stage')
    table.integer('permille').notNullable()
    table.bigInteger('eta_ms')
    table.text('wait_reason')
    table.text('failure')
    table.integer('attempt').notNullable()
    table.bigInteger('fence').notNullable()
    // The lease whose objects count; those of others are swept.
    table.bigInteger('completed_fence')
    table.text('worker_id')
    table.bigInteger('lease_until')
    table.integer('cancel_requested').notNullable()
    table.bigInteger('created_at').notNullable()
    table.bigInteger('updated_at').notNullable()
    table.index(['state', 'created_at'])
    table.index(['group_id', 'updated_at'])
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['jobs', 'objects', 'media_changes', 'media']) await knex.schema.dropTable(table)
}

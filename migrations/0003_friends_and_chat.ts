import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('connections', (table) => {
    table.text('connection_id').primary()
    table.text('asker_id').notNullable().references('accounts.user_id').onDelete('cascade')
    table.text('asked_id').notNullable().references('accounts.user_id').onDelete('cascade')
    // Both ids, the smaller first.
    table.text('pair').notNullable()
    table.text('state').notNullable()
    // Entries in the log, the hash of the last, and the epoch that it opened.
    table.bigInteger('length').notNullable()
    table.binary('head').notNullable()
    table.bigInteger('epoch').notNullable()
    table.bigInteger('last_seq').notNullable()
    table.binary('note')
    table.bigInteger('created_at').notNullable()
    // Of the request.
    table.bigInteger('expires_at').notNullable()
    table.index(['asker_id', 'created_at'])
  })
  // Two people have one connection at a time, whoever asks first.
  await knex.raw("create unique index connections_one_open on connections (pair) where state <> 'ended'")
  await knex.raw("create index connections_due on connections (expires_at) where state in ('pending', 'denied')")
  const ofConnection = (table: Knex.CreateTableBuilder) =>
    table.text('connection_id').notNullable().references('connections.connection_id').onDelete('cascade')
  await knex.schema.createTable('connection_sides', (table) => {
    ofConnection(table)
    table.text('user_id').notNullable().references('accounts.user_id').onDelete('cascade')
    table.text('peer_id').notNullable()
    table.bigInteger('change_seq').notNullable()
    table.primary(['connection_id', 'user_id'])
    table.unique(['user_id', 'change_seq'])
    table.index(['user_id', 'peer_id'])
  })
  await knex.schema.createTable('connection_changes', (table) => {
    table.text('user_id').primary().references('accounts.user_id').onDelete('cascade')
    table.bigInteger('seq').notNullable()
  })
  await knex.schema.createTable('connection_entries', (table) => {
    ofConnection(table)
    table.bigInteger('seq').notNullable()
    table.binary('bytes').notNullable()
    table.binary('sig').notNullable()
    table.binary('hash').notNullable()
    table.primary(['connection_id', 'seq'])
  })
  await knex.schema.createTable('connection_messages', (table) => {
    ofConnection(table)
    table.bigInteger('seq').notNullable()
    table.text('sender_id').notNullable()
    table.text('device_id').notNullable()
    table.bigInteger('counter').notNullable()
    // null: taken back, or its time is over. The hash stays: the same bytes may come once more.
    table.binary('sealed')
    table.binary('hash').notNullable()
    table.bigInteger('created_at').notNullable()
    table.bigInteger('expires_at')
    table.primary(['connection_id', 'seq'])
    table.unique(['connection_id', 'sender_id', 'device_id', 'counter'])
  })
  await knex.raw('create index connection_messages_due on connection_messages (expires_at) where sealed is not null')
  await knex.schema.createTable('receipts', (table) => {
    ofConnection(table)
    table.text('user_id').notNullable().references('accounts.user_id').onDelete('cascade')
    table.text('device_id').notNullable()
    table.bigInteger('revision').notNullable()
    table.binary('peer').notNullable()
    table.binary('own').notNullable()
    table.bigInteger('updated_at').notNullable()
    table.primary(['connection_id', 'user_id', 'device_id'])
  })
  await knex.schema.createTable('blocks', (table) => {
    table.text('blocker_id').notNullable().references('accounts.user_id').onDelete('cascade')
    table.text('blocked_id').notNullable().references('accounts.user_id').onDelete('cascade').index()
    table.bigInteger('created_at').notNullable()
    table.primary(['blocker_id', 'blocked_id'])
  })
  await knex.schema.createTable('media_grants', (table) => {
    table.text('media_id').notNullable().references('media.media_id').onDelete('cascade')
    ofConnection(table).index()
    table.text('granter_id').notNullable().references('accounts.user_id').onDelete('cascade')
    table.bigInteger('created_at').notNullable()
    table.primary(['media_id', 'connection_id', 'granter_id'])
  })
  await knex.schema.createTable('push_subscriptions', (table) => {
    table.text('session_id').primary().references('sessions.session_id').onDelete('cascade')
    table.text('user_id').notNullable().references('accounts.user_id').onDelete('cascade').index()
    table.text('endpoint').notNullable().unique()
    table.text('topic').notNullable()
    // Something was pushed that was not seen on another device since.
    table.integer('is_pending').notNullable()
    table.bigInteger('created_at').notNullable()
  })
}

export async function down(knex: Knex): Promise<void> {
  const tables = [
    'push_subscriptions',
    'media_grants',
    'blocks',
    'receipts',
    'connection_messages',
    'connection_entries',
    'connection_changes',
    'connection_sides',
    'connections',
  ]
  for (const table of tables) await knex.schema.dropTable(table)
}

import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('accounts', (table) => {
    table.text('user_id').primary()
    table.text('username').notNullable().unique()
    table.integer('owns_instance').notNullable()
    table.binary('recovery_key')
    table.bigInteger('created_at').notNullable()
  })
  // Of two first accounts at the same moment only one can own the instance.
  await knex.raw('create unique index accounts_one_owner on accounts (owns_instance) where owns_instance = 1')
  await knex.schema.createTable('opaque_records', (table) => {
    table.text('user_id').notNullable().references('accounts.user_id').onDelete('cascade')
    table.integer('slot').notNullable()
    table.text('record').notNullable()
    table.primary(['user_id', 'slot'])
  })
  await knex.schema.createTable('unlock_boxes', (table) => {
    table.text('user_id').notNullable().references('accounts.user_id').onDelete('cascade')
    table.text('method').notNullable()
    table.binary('sealed').notNullable()
    table.primary(['user_id', 'method'])
  })
  await knex.schema.createTable('vault_indexes', (table) => {
    table.text('user_id').primary().references('accounts.user_id').onDelete('cascade')
    table.bigInteger('version').notNullable()
    table.binary('sealed').notNullable()
  })
  await knex.schema.createTable('vault_items', (table) => {
    table.text('user_id').notNullable().references('accounts.user_id').onDelete('cascade')
    table.text('name').notNullable()
    table.bigInteger('version').notNullable()
    table.binary('sealed').notNullable()
    table.primary(['user_id', 'name'])
  })
  await knex.schema.createTable('sessions', (table) => {
    table.binary('token_hash').primary()
    table.text('session_id').notNullable().unique()
    table.text('user_id').notNullable().references('accounts.user_id').onDelete('cascade').index()
    table.text('device_id').notNullable()
    table.bigInteger('created_at').notNullable()
    table.bigInteger('seen_at').notNullable().index()
  })
  await knex.schema.createTable('identity_entries', (table) => {
    table.text('user_id').notNullable().references('accounts.user_id').onDelete('cascade')
    table.bigInteger('seq').notNullable()
    table.binary('bytes').notNullable()
    table.binary('sig').notNullable()
    table.binary('hash').notNullable()
    table.primary(['user_id', 'seq'])
  })
  await knex.schema.createTable('groups', (table) => {
    table.text('group_id').primary()
    table.bigInteger('seq').notNullable()
    table.binary('head').notNullable()
    table.bigInteger('epoch').notNullable()
    table.bigInteger('created_at').notNullable()
  })
  const ofGroup = (table: Knex.CreateTableBuilder) =>
    table.text('group_id').notNullable().references('groups.group_id').onDelete('cascade')
  await knex.schema.createTable('group_entries', (table) => {
    ofGroup(table)
    table.bigInteger('seq').notNullable()
    table.binary('bytes').notNullable()
    table.binary('sig').notNullable()
    table.binary('hash').notNullable()
    table.primary(['group_id', 'seq'])
  })
  await knex.schema.createTable('memberships', (table) => {
    ofGroup(table)
    table.text('member_id').notNullable().index()
    table.text('kind').notNullable()
    table.text('role').notNullable()
    table.primary(['group_id', 'member_id'])
  })
  await knex.schema.createTable('group_boxes', (table) => {
    ofGroup(table)
    table.bigInteger('epoch').notNullable()
    table.text('member_id').notNullable()
    table.binary('sealed').notNullable()
    table.primary(['group_id', 'epoch', 'member_id'])
  })
  await knex.schema.createTable('group_profiles', (table) => {
    table.text('group_id').primary().references('groups.group_id').onDelete('cascade')
    table.bigInteger('revision').notNullable()
    table.binary('sealed').notNullable()
  })
  await knex.schema.createTable('invites', (table) => {
    ofGroup(table)
    table.text('invite_id').notNullable()
    table.binary('invite_pub').notNullable()
    table.text('role').notNullable()
    table.bigInteger('expires_at').notNullable().index()
    table.bigInteger('uses_left').notNullable()
    table.bigInteger('signups_left').notNullable()
    table.binary('sealed').notNullable()
    table.text('code').unique()
    table.primary(['group_id', 'invite_id'])
  })
  await knex.schema.createTable('workers', (table) => {
    table.text('worker_id').primary()
    table.binary('identity_key').notNullable()
    table.binary('statement_bytes').notNullable()
    table.binary('statement_sig').notNullable()
    table.bigInteger('created_at').notNullable()
    table.bigInteger('last_seen_at').notNullable()
  })
  await knex.schema.createTable('worker_tokens', (table) => {
    table.binary('token_hash').primary()
    table.text('worker_id').notNullable().references('workers.worker_id').onDelete('cascade').index()
    table.bigInteger('expires_at').notNullable().index()
  })
}

export async function down(knex: Knex): Promise<void> {
  const tables = [
    'worker_tokens',
    'workers',
    'invites',
    'group_profiles',
    'group_boxes',
    'memberships',
    'group_entries',
    'groups',
    'identity_entries',
    'sessions',
    'vault_items',
    'vault_indexes',
    'unlock_boxes',
    'opaque_records',
    'accounts',
  ]
  for (const table of tables) await knex.schema.dropTable(table)
}

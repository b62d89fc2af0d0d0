import { boxKeysFrom } from '../../shared/crypto/box.ts'
import { makeRotation, openGroupBox, sealGroupBox } from '../../shared/crypto/group-box.ts'
import { parseInviteFragment } from '../../shared/crypto/invite.ts'
import { newKey } from '../../shared/crypto/random.ts'
import { eraseDevice } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import { newPerson, type Person } from '../../shared/testing/people.ts'
import { prepareGroup } from '../groups/group-keys.ts'
import { Groups } from '../groups/groups.ts'
import { inviteByLink, type MadeInvite, type NewInvite } from '../groups/invites.ts'
import { join, type OpenedInvite, readInvite } from '../groups/join.ts'
import { encodeItem, type GroupItem, groupItem, groupItemName } from '../vault/items.ts'
import { openVault, sealVaultWrite } from '../vault/sealing.ts'
import { Vault } from '../vault/vault.ts'
import type { Crypto } from '../workers/crypto.ts'
import { FakeServer } from './fake-server.ts'
import { identityOf } from './identity-of.ts'

const crypto = { makeRotation, openGroupBox, sealGroupBox, boxKeysFrom, openVault, sealVaultWrite } as unknown as Crypto
const INVITE: NewInvite = { role: 'member', days: 7, maxUses: 5 }

/** Somebody's open page. All pages of a test share what lies on the device: they are tabs to each other. */
export type Client = { readonly person: Person; readonly vault: Vault; readonly groups: Groups }

/** A circle that Ann owns at an honest server, and whoever else comes. */
export class GroupWorld {
  readonly server = new FakeServer()
  readonly ann: Client
  readonly circle: GroupId

  private constructor(ann: Person, circle: GroupId) {
    this.circle = circle
    this.ann = this.#clientOf(ann)
  }

  static async create(): Promise<GroupWorld> {
    await eraseDevice()
    await createKey('device')
    const ann = await newPerson('ann')
    const made = await prepareGroup(crypto, ann.actor, ann.identity, 'circle', Date.now())
    const world = new GroupWorld(ann, made.groupId)
    await world.ann.vault.update(() => new Map([identityOf(ann)]))
    await world.#open(world.ann, made)
    return world
  }

  /** Another group of somebody's, open on their page. */
  async another({ person, ...client }: Client, kind: GroupItem['kind']): Promise<GroupId> {
    const made = await prepareGroup(crypto, person.actor, person.identity, kind, Date.now())
    await this.#open(client, made)
    return made.groupId
  }

  async newcomer(name: string): Promise<Client> {
    const client = this.#clientOf(await newPerson(name))
    await client.vault.update(() => new Map([identityOf(client.person)]))
    return client
  }

  /** A link into the circle. */
  link(wanted: Partial<NewInvite> = {}, by = this.ann): Promise<MadeInvite> {
    return inviteByLink(by.groups, this.circle, { ...INVITE, ...wanted }, 'https://kith.test')
  }

  /** Somebody new who has joined by a link of their own. */
  async invited(name: string, wanted: Partial<NewInvite> = {}, by = this.ann): Promise<Client> {
    const link = await this.link(wanted, by)
    const client = await this.newcomer(name)
    await join(client.groups, await this.opened(client, link), client.person.identity)
    await by.groups.show(this.circle)
    return client
  }

  opened({ groups }: Client, { url }: MadeInvite): Promise<OpenedInvite> {
    return readInvite(groups.context.api, parseInviteFragment(new URL(url ?? '').hash.slice(1)))
  }

  /** Somebody's second device: the same keys, nothing else. */
  async sameAccount({ person, groups }: Client): Promise<Client> {
    const { context } = groups
    const vault = new Vault(context.api, crypto, context.secrets)
    await vault.openServed()
    return { person, vault, groups: new Groups({ ...context, vault }) }
  }

  /** What the person's vault at the server has of the circle, whichever device wrote it. */
  async itemOf(client: Client): Promise<GroupItem | null> {
    const { vault } = await this.sameAccount(client)
    return vault.read(groupItem, groupItemName(this.circle))
  }

  async #open(
    { vault, groups }: Pick<Client, 'vault' | 'groups'>,
    made: Awaited<ReturnType<typeof prepareGroup>>,
  ): Promise<void> {
    this.server.add(made.group)
    await vault.update(() => new Map([[groupItemName(made.groupId), encodeItem(groupItem, made.item)]]))
    await groups.show(made.groupId)
  }

  #clientOf(person: Person): Client {
    const { userId, seed: identitySeed, identityKey, box: agreement } = person
    this.server.identities.set(userId, [person.identity])
    const api = this.server.apiOf(userId)
    const secrets = { userId, accountKey: newKey(), identitySeed, identityKey, agreement }
    const vault = new Vault(api, crypto, secrets)
    return { person, vault, groups: new Groups({ api, crypto, vault, secrets, actor: () => person.actor }) }
  }
}

// Further people and devices: invitations, what a relay or a thief of the link can do to them, two people deciding, shares for who came later.
import { expect, test } from 'bun:test';
import { fromBase64Url } from '../../protocol/bytes.ts';
import { decode, encode } from '../../protocol/codec.ts';
import type { Hash } from '../../protocol/hash.ts';
import { streamPageCodec } from '../../protocol/wire.ts';
import { parseInvite } from '../../protocol/enrolment.ts';
import { generateSigner, importSigner } from '../../protocol/keys.ts';
import { zeroHash } from '../../protocol/org-log/entry.ts';
import { openRecord, orgStream } from '../../protocol/org-log/record.ts';
import { sealOverheadBytes } from '../../protocol/seal.ts';
import { type RelayClient, createRelayClient } from '../../relay-client/client.ts';
import { type SoftWorld, joined, ruleOf, softWorld, value } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';
import { type InviteChannel, type InviteStep, createInviteChannel, draftCodec, revealCodec } from './invite-channel.ts';

const textOf = (secret: { readonly kind: string; readonly value?: Uint8Array }): string => new TextDecoder().decode(secret.value);
const code = (expected: string): object => ({ failure: { code: expected } });

test('a second person joins by a link: both sides show the same codes, and both are in the log', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  expect(ben.app.phase().kind).toBe('ready');
  expect(ben.app.org()).toMatchObject({ id: ada.app.org()?.id, me: { name: 'ben', device: 'ben’s phone', roles: ['approver', 'writer'] } });
  expect(ada.app.org()?.members.map(({ name, devices }) => [name, devices.length])).toEqual([
    ['ada', 1],
    ['ben', 1],
  ]);
  const again = world.reload(ben);
  await until(again.app, () => (again.app.org()?.online ? true : undefined), 'ben to be online');
  expect(again.app.org()?.members).toHaveLength(2);
});

test('first of two to approve wins; the other learns who it was', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const laptop = await world.machine(ada);
  const approvers = ada.app.org()?.members.map(({ id }) => id) ?? [];
  await ada.app.setPolicy(ruleOf({ pattern: '**', k: 1, approvers, maxTtlS: 3_600, maxUses: 10, tier: 'normal' }));
  await ada.app.putSecret({ path: 'prod/db', value: value('shared'), description: '' });
  const asked = await laptop.ask(['prod/db']);
  const card = await until(ben.app, () => ben.app.org()?.inbox[0], 'ben’s card');
  await until(ada.app, () => ada.app.org()?.inbox[0], 'ada’s card');
  await ben.app.approve(card.requestId, card.lease, undefined, () => undefined);
  const answers = await laptop.answers(asked);
  expect((await laptop.open(asked, answers)).map(textOf)).toEqual(['shared']);
  await laptop.receipt(asked, 'released', { evidence: answers.map(({ evidence }) => evidence) });
  const theirs = await until(ada.app, () => ada.app.org()?.inbox.find(({ outcome }) => outcome), 'ada to learn it');
  expect(theirs.outcome).toMatchObject({ kind: 'done-by-other', by: ['ben'] });
});

test('two of two: both must approve, and the machine opens the value with both shares', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const laptop = await world.machine(ada);
  const approvers = ada.app.org()?.members.map(({ id }) => id) ?? [];
  await ada.app.setPolicy(ruleOf({ pattern: 'prod/**', k: 2, approvers, maxTtlS: 0, maxUses: 1, tier: 'normal' }));
  await ada.app.putSecret({ path: 'prod/db', value: value('four eyes'), description: '' });
  const asked = await laptop.ask(['prod/db']);
  for (const { app } of [ada, ben]) {
    const card = await until(app, () => app.org()?.inbox[0], 'the card');
    expect(card.needed).toBe(2);
    await app.approve(card.requestId, card.lease, undefined, () => undefined);
  }
  expect((await laptop.open(asked, await laptop.answers(asked, 2))).map(textOf)).toEqual(['four eyes']);
});

test('who was named after the secret was stored waits for a share, gets one, and approves', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('older'), description: '' });
  const ben = await joined(world, ada, 'ben');
  const approvers = ada.app.org()?.members.map(({ id }) => id) ?? [];
  await ada.app.setPolicy(ruleOf({ pattern: '**', k: 1, approvers, maxTtlS: 0, maxUses: 1, tier: 'normal' }));
  const [row] = ada.app.org()?.secrets ?? [];
  expect(row?.waiting).toEqual(['ben’s phone of ben']);
  const early = await laptop.ask(['prod/db']);
  await until(ben.app, () => ben.app.org()?.inbox[0], 'ben’s card');
  await expect(ben.app.approve(early.request.requestId, early.request.lease, undefined, () => undefined)).rejects.toMatchObject(code('E_NOT_ENTITLED'));
  if (row) await ada.app.shareSecrets({ ids: [row.id] });
  expect(ada.app.org()?.secrets[0]?.waiting).toEqual([]);
  const asked = await laptop.ask(['prod/db']);
  const card = await until(ben.app, () => ben.app.org()?.inbox.find(({ requestId }) => requestId === asked.request.requestId), 'ben’s next card');
  await ben.app.approve(card.requestId, card.lease, undefined, () => undefined);
  expect((await laptop.open(asked, await laptop.answers(asked))).map(textOf)).toEqual(['older']);
});

test('a further device of the same member joins after the metadata key was renewed, and reads the whole log', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await world.machine(ada, 'server');
  const before = ada.platform.authenticator.gestures;
  await ada.app.revokeMachine(laptop.id);
  expect(ada.platform.authenticator.gestures - before).toBe(1);
  const invite = await ada.app.invite({ ownDevice: true });
  const tablet = world.browser();
  const theirs = await tablet.app.joinByInvite(invite.link ?? '', 'ada’s tablet');
  await Promise.all([invite.confirm(), theirs.confirm()]);
  expect(tablet.app.org()?.machines.map(({ name, status }) => [name, status])).toEqual([
    ['laptop', 'revoked'],
    ['server', 'active'],
  ]);
  expect(ada.app.org()?.members[0]?.devices.map(({ name }) => name)).toEqual(['ada’s phone', 'ada’s tablet']);
});

test('a revoked machine gets nothing any more: not from the relay, not from the people', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  const asked = await laptop.sign(['prod/db']);
  await laptop.send(asked.bytes);
  await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  await ada.app.revokeMachine(laptop.id);
  await until(ada.app, () => ada.app.org()?.inbox.find(({ outcome }) => outcome?.note === 'E_MACHINE_REVOKED'), 'the card to end');
  await expect(laptop.client.read('0'.repeat(64) as never, 0)).rejects.toMatchObject({ code: 'E_RELAY_AUTH' }); // no stream
});

test('somebody who has the link sits in between: the two sides show different codes', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const invite = await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  const ben = world.browser();
  // The thief answers the honest device itself, before ada’s answer reaches it, and enrols a device of their own with ada.
  const { channel: asAdmin } = await withLink(world, invite.link ?? '', 'admin');
  let honest = true;
  ben.platform.wire = async (url, init, pass) => {
    if (honest && url.endsWith('/v1/mail')) {
      honest = false; // the first post is the commitment: the thief’s nonce follows it at once
      const answer = await pass();
      const commits: string[] = [];
      for await (const { step, attempt } of asAdmin.messages(init.signal)) {
        if (step !== 'commit' || commits.push(attempt) < 2) continue; // the first is the thief’s own
        await asAdmin.send('nonce', attempt, new Uint8Array(32));
        break;
      }
      return answer;
    }
    return pass();
  };
  const thief = world.browser();
  const theirs = await thief.app.joinByInvite(invite.link ?? '', 'ben’s phone');
  const adaSees = await invite.codes;
  const fooled = await ben.app.joinByInvite(invite.link ?? '', 'ben’s phone');
  const benSees = await fooled.codes;
  expect(benSees.digits).not.toBe(adaSees.digits);
  expect(benSees.words).not.toBe(adaSees.words);
  invite.cancel();
  await expect(theirs.confirm()).rejects.toMatchObject(code('E_INVITE_ENDED'));
  expect(ada.app.org()?.members.find(({ name }) => name === 'ben')?.devices).toEqual([]);
});

test('opening the link, or scanning it, alone adds nobody', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const invite = await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  const ben = world.browser();
  const theirs = await ben.app.joinByInvite(invite.link ?? '', 'ben’s phone');
  await Promise.all([theirs.codes, invite.codes]);
  expect(ada.app.org()?.members.find(({ name }) => name === 'ben')?.devices).toEqual([]);
  expect(ben.platform.backend.records.size).toBe(0);
  theirs.cancel();
  await expect(invite.confirm()).rejects.toMatchObject(code('E_INVITE_ENDED'));
});

test('who has the link gets no key of their own at the relay, and writes nothing into the log', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const { link = '' } = await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  const { client } = await withLink(world, link, 'device');
  const { signer } = await generateSigner(false);
  for (const grade of ['machine', 'device', 'join'] as const)
    await expect(client.registerKey(signer.publicKey, grade, world.clock.now() + 60_000)).rejects.toMatchObject({ code: 'E_RELAY_FORBIDDEN' });
  const stream = orgStream(client.org);
  const { head } = await client.read(stream, 0);
  const junk = { stream, seq: head.seq + 1, prev: head.eh ?? zeroHash, eh: '1'.repeat(64) as Hash, blob: new Uint8Array(100) };
  await expect(client.append(junk)).rejects.toMatchObject({ code: 'E_RELAY_FORBIDDEN' });
});

test('one link takes three attempts and no fourth', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const invite = await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  const { channel } = await withLink(world, invite.link ?? '', 'device');
  for (const digit of ['1', '2', '3', '4']) await channel.send('commit', digit.repeat(64) as Hash); // commitments to nothing
  await expect(invite.codes).rejects.toMatchObject(code('E_SAS'));
  await expect(invite.confirm()).rejects.toMatchObject(code('E_SAS'));
  const late = world.browser();
  await expect(late.app.joinByInvite(invite.link ?? '', 'late')).rejects.toMatchObject(code('E_INVITE_ENDED'));
});

test('a link that is cut, or none at all, is told before anything is made', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const { link = '' } = await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  const ben = world.browser();
  for (const broken of ['', 'hello', link.slice(0, -3), link.replace('#invite=', '#invite=x')]) {
    await expect(ben.app.joinByInvite(broken, 'ben’s phone')).rejects.toMatchObject({
      failure: { code: expect.stringMatching(/^E_(TOKEN_FORMAT|KEY_ENCODING)$/) as unknown },
    });
  }
  expect(ben.platform.authenticator.gestures).toBe(0);
});

test('a member who never opened the link is invited again, not added twice', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const first = await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  first.cancel();
  await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  expect(ada.app.org()?.members.map(({ name }) => name)).toEqual(['ada', 'ben']);
});

test('the log moved while the device was added: both sign again on the new head', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const laptop = await world.machine(ada);
  const invite = await ada.app.invite({ memberName: 'eve', roles: ['approver'] });
  const eve = world.browser();
  const theirs = await eve.app.joinByInvite(invite.link ?? '', 'eve’s phone');
  await Promise.all([theirs.codes, invite.codes]);
  let raced = false;
  ada.platform.wire = async (url, _init, pass) => {
    if (!raced && url.endsWith('/v1/append')) {
      raced = true;
      await ben.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
    }
    return pass();
  };
  await Promise.all([invite.confirm(), theirs.confirm()]);
  expect(raced).toBe(true);
  expect(eve.app.org()?.members.map(({ name, devices }) => [name, devices.length])).toEqual([
    ['ada', 1],
    ['ben', 1],
    ['eve', 1],
  ]);
  expect(laptop.words.split(' ')).toHaveLength(5);
});

test('keys that were not committed to are refused', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const invite = await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  const { channel } = await withLink(world, invite.link ?? '', 'device');
  const attempt = '1'.repeat(64) as Hash; // a commitment to nothing
  await channel.send('commit', attempt);
  await channel.send('reveal', attempt, encode(revealCodec, { device: new Uint8Array(100), nonce: new Uint8Array(32) }));
  await expect(invite.codes).rejects.toMatchObject(code('E_SAS'));
});

test('a relay that shows the new device another log than the link names is found out, and nothing is signed', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const invite = await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  const ben = world.browser();
  ben.platform.wire = async (url, _init, pass) => {
    if (!url.endsWith('/v1/read')) return pass();
    const { head, records } = decode(streamPageCodec, new Uint8Array(await (await pass()).arrayBuffer()), 1_000_000);
    const [first] = records;
    const older = { head: { ...head, seq: first?.seq ?? -1, ...(first ? { eh: first.eh } : {}) }, records: first ? [first] : [] };
    return new Response(new Uint8Array(encode(streamPageCodec, older)));
  };
  const theirs = await ben.app.joinByInvite(invite.link ?? '', 'ben’s phone');
  await theirs.codes;
  const confirming = invite.confirm().catch(() => undefined);
  await expect(theirs.confirm()).rejects.toMatchObject(code('E_LOG_ROLLBACK'));
  theirs.cancel();
  await confirming;
  expect(ben.platform.backend.records.size).toBe(0);
  expect(ada.app.org()?.members.find(({ name }) => name === 'ben')?.devices).toEqual([]);
});

test('an admin’s draft about other keys than this device made is refused', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const invite = await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  invite.cancel();
  const link = (await ada.app.invite({ memberName: 'ben', roles: ['approver'] })).link ?? '';
  const ben = world.browser();
  const { channel } = await withLink(world, link, 'admin');
  const joining = ben.app.joinByInvite(link, 'ben’s phone');
  const theirs = await joining;
  await theirs.codes;
  for await (const { step, attempt } of channel.messages(AbortSignal.timeout(5_000))) {
    if (step !== 'commit') continue;
    await channel.send(
      'draft',
      attempt,
      encode(draftCodec, { epoch: 0, sealedKey: new Uint8Array(sealOverheadBytes + 32), payload: new Uint8Array(10), checkpoint: 0 }),
    );
    break;
  }
  await expect(theirs.confirm()).rejects.toMatchObject({ failure: { code: expect.stringMatching(/^E_/) as unknown } });
  expect(ben.platform.backend.records.size).toBe(0);
});

test('who has the link and reads along while the right device joins does not learn the key of the names in the log', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const invite = await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  const thief = await withLink(world, invite.link ?? '', 'device');
  const [first] = (await thief.client.read(orgStream(thief.client.org), 0)).records;
  const reading = messageOf(thief.channel, 'draft');
  const theirs = await world.browser().app.joinByInvite(invite.link ?? '', 'ben’s phone');
  await Promise.all([invite.codes, theirs.codes]);
  await Promise.all([invite.confirm(), theirs.confirm()]);
  const body = await reading;
  const place = { org: thief.client.org, stream: orgStream(thief.client.org) };
  const opens = async (mk: Uint8Array): Promise<boolean> =>
    openRecord(place, new Map([[0, mk]]), first?.blob ?? new Uint8Array(0)).then(
      () => true,
      () => false,
    );
  // Wherever in the message it may stand.
  let found = false;
  for (let at = 0; at + 32 <= body.length; at++) found ||= await opens(body.slice(at, at + 32));
  expect(found).toBe(false);
});

async function messageOf(channel: InviteChannel, wanted: InviteStep): Promise<Uint8Array> {
  for await (const { step, body } of channel.messages(AbortSignal.timeout(5_000))) if (step === wanted) return body;
  throw new Error(`no ${wanted}`);
}

/** What somebody who has the link can do. */
async function withLink(world: SoftWorld, link: string, side: 'admin' | 'device'): Promise<{ readonly channel: InviteChannel; readonly client: RelayClient }> {
  const [text = '', key = ''] = link.split('#invite=')[1]?.split('.') ?? [];
  const invite = parseInvite(text);
  const { platform } = world.browser();
  const signer = await importSigner(invite.secret, fromBase64Url(key));
  const client = createRelayClient({ url: invite.relay, org: invite.org, signer, fetch: platform.fetch, now: platform.now, random: platform.random });
  return { client, channel: createInviteChannel({ client, platform, invite, side }) };
}

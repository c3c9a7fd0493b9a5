// What the daemon checks of an answer, in order, with the exact code; what stands as proof afterwards (spec/09-release.md §daemon; rows 3, 5, 10, 20, 31, 69, 70, 96).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { codeOf } from '../testing/code-of.ts';
import { World, found, textOf } from '../testing/world.ts';
import { makeDevice } from '../testing/world-people.ts';
import { type Ask, type DoctoredAnswer, type WorldRequest, answer, ask, open, receive, shareOf } from '../testing/world-release.ts';
import { type Answer, type Evidence, cardDigest, coreHash, evidenceCodec, resealShare, sealAnswer, verifyAnswer, verifyEvidence } from './approval.ts';
import { decode, encode } from './codec.ts';
import type { Hash, OrgId } from './hash.ts';
import { limits } from './limits.ts';
import type { Policy } from './org-log/bodies.ts';
import { kemKeyFrom, pad, sealTo, unpad } from './seal.ts';

async function org(policy: Partial<Policy> = {}): Promise<World> {
  const world = new World('approval');
  await world.genesis({ policies: [policy] });
  await world.addMember('ben');
  await world.approvers('prod/db', 1, ['ada', 'ben']);
  await world.addMachine('laptop', { owner: world.member('ada').id });
  await world.put('prod/db', 'value');
  await world.put('prod/other', 'other');
  return world;
}
const world = await org();
const [ada, ben, laptop] = [world.device('ada'), world.device('ben'), world.machine('laptop')];
const lease = { ttlS: 600, uses: 10, scope: 'process' } as const;
const request = await ask(world, laptop, ['prod/db'], { lease });
const judge = async (how: DoctoredAnswer = {}, decision: Answer['decision'] = 'approve', device = ada): Promise<string> =>
  codeOf(receive(world, request, await answer(world, device, request, decision, how)));

describe('an honest answer', () => {
  test('approve: with a share that opens the value', async () => {
    const verified = await receive(world, request, await answer(world, ben, request, 'approve'));
    expect(verified.shares.length).toBe(1);
    expect((await open(world, laptop, request, [verified])).map(textOf)).toEqual(['value']);
  });
  test('approve with less than was asked', async () => {
    const verified = await receive(world, request, await answer(world, ada, request, 'approve', { lease: { ttlS: 60, uses: 1, scope: 'process' } }));
    expect(verified.answer.lease.ttlS).toBe(60);
  });
  test('deny and shown: without a gesture, without shares', async () => {
    for (const decision of ['deny', 'shown'] as const) {
      const verified = await receive(world, request, await answer(world, ada, request, decision));
      expect([verified.answer.decision, verified.shares.length, verified.answer.items.length]).toEqual([decision, 0, 0]);
    }
  });
  test('INV-ANS-ALIKE row 28: yes, no and shown have one size, so that the relay cannot tell them apart', async () => {
    for (const paths of [['prod/db'], ['prod/db', 'prod/other']]) {
      const wanted = await ask(world, laptop, paths, { lease });
      const sizes = await Promise.all((['approve', 'deny', 'shown'] as const).map(async (decision) => (await answer(world, ada, wanted, decision)).length));
      expect(new Set(sizes).size).toBe(1);
      expect(found(sizes[0], 'size')).toBeLessThanOrEqual(limits.mailBytes);
    }
  });
  test('an answer with sixteen secrets fits in one mail', async () => {
    const item = found(request.request.items[0], 'item');
    const many = await ask(
      world,
      laptop,
      Array.from({ length: limits.itemsPerRequest }, () => 'prod/db'),
      { lease, changes: { items: Array.from({ length: limits.itemsPerRequest }, () => item) } },
    );
    const sealed = await answer(world, ada, many, 'approve');
    expect(sealed.length).toBeLessThanOrEqual(limits.mailBytes);
    expect((await receive(world, many, sealed)).shares.length).toBe(16);
  });
});

describe('INV-ANS-BIND rows 3, 5: an answer is for one request', () => {
  test('row 5: an answer to another request', async () => {
    const other = await ask(world, laptop, ['prod/db'], { lease });
    expect(await codeOf(receive(world, other, await answer(world, ada, request, 'approve')))).toBe('E_BIND');
  });
  test('row 5: signed for one request, sealed again for another', async () => {
    const other = await ask(world, laptop, ['prod/db'], { lease });
    expect(
      await codeOf(
        receive(world, other, await answer(world, ada, { ...request, request: { ...other.request, requestId: request.request.requestId } }, 'approve')),
      ),
    ).toBe('E_BIND');
    const inner = await plain(request, await answer(world, ada, request, 'approve'));
    expect(await codeOf(receive(world, other, await sealTo(other.request.epk, 'apr', world.state.org, [other.rh], inner)))).toBe('E_BIND');
  });
  test('row 3: an answer to a request that is done', async () => {
    const other = await ask(world, laptop, ['prod/db'], { lease });
    const inner = await plain(request, await answer(world, ada, request, 'approve'));
    const pending = { ...other.pending, consumed: (id: string) => id === request.request.requestId };
    expect(
      await codeOf(
        verifyAnswer(world.state, world.history, pending, await sealTo(other.request.epk, 'apr', world.state.org, [other.rh], inner), world.clock.now()),
      ),
    ).toBe('E_REPLAY');
  });
  test('the same hash under another id', async () => expect(await judge({ changes: { requestId: 'ab'.repeat(16) as Answer['requestId'] } })).toBe('E_BIND'));
  test('shares for other secrets, too many, too few, out of order', async () => {
    const two = await ask(world, laptop, ['prod/db', 'prod/other'], { lease });
    const honest = await receiveRaw(two, await answer(world, ada, two, 'approve'));
    const items = honest.items;
    for (const wrong of [items.toReversed(), items.slice(1), [...items, ...items], []])
      expect(await codeOf(receive(world, two, await answer(world, ada, two, 'approve', { changes: { items: wrong } })))).toBe('E_BIND');
  });
  test('a share sealed for another request, device or point', async () => {
    const other = await ask(world, laptop, ['prod/db'], { lease });
    const [item] = request.items;
    const { x, share } = await shareOf(world, ada, found(item, 'item').secret);
    const { putEh } = found(item, 'item').item;
    expect(
      await judge({
        changes: { items: [{ putEh, x, sealed: await resealShare(request.request, other.rh, { member: ada.member, device: ada.id }, putEh, x, share) }] },
      }),
    ).toBe('E_BIND');
    const bens = await receiveRaw(request, await answer(world, ben, request, 'approve'));
    expect(await judge({ changes: { items: bens.items } })).toBe('E_BIND');
    const mine = await receiveRaw(request, await answer(world, ada, request, 'approve'));
    expect(await judge({ changes: { items: mine.items.map((item) => ({ ...item, x: 9 })) } })).toBe('E_BIND');
  });
  test('shares in an answer that approves nothing', async () => {
    const { items } = await receiveRaw(request, await answer(world, ada, request, 'approve'));
    expect(await judge({ changes: { items } }, 'deny')).toBe('E_BIND');
  });
  test('row 20: another org in the answer', async () => expect(await judge({ changes: { org: 'ab'.repeat(32) as OrgId } })).toBe('E_ORG'));
  test('row 18: another version or suite', async () => {
    for (const changes of [{ v: 2 }, { suite: 2 }]) expect(await judge({ changes: changes as Partial<Answer> })).toBe('E_SUITE'); // fields that honest devices do not set
  });
});

/** The padded envelope inside a sealed answer. */
async function plain(to: WorldRequest, sealed: Uint8Array): Promise<Uint8Array> {
  return to.epk.open('apr', world.state.org, [to.rh], sealed);
}
async function receiveRaw(to: WorldRequest, sealed: Uint8Array): Promise<Answer> {
  const pending = { ...to.pending, consumed: () => false };
  return (await verifyAnswer(world.state, world.history, pending, sealed, world.clock.now())).answer;
}

describe('INV-ANS-WHO row 31: signed by an active device of an eligible member, with the right key', () => {
  test('row 31: by somebody whom the log does not know', async () => {
    const stranger = await makeDevice(world.random, ada.member, 'stranger');
    expect(await judge({ signer: stranger.sig })).toBe('E_SIGNATURE');
    expect(await judge({ signer: laptop.sig })).toBe('E_SIGNATURE');
  });
  test('an approval with the key that needs no gesture, a denial with the other', async () => {
    expect(await judge({ signer: ada.presence })).toBe('E_SIGNATURE');
    expect(await judge({ signer: ada.sig }, 'deny')).toBe('E_SIGNATURE');
    expect(await judge({ signer: ada.passkey })).toBe('E_SIGNATURE');
  });
  test('with a signature that is not that key’s', async () => {
    const stranger = await makeDevice(world.random, ada.member, 'stranger');
    const posing = (key: typeof ada.sig): typeof ada.sig => ({ ...stranger.sig, publicKey: key.publicKey, keyId: key.keyId });
    expect(await judge({ signer: posing(ada.presence) }, 'deny')).toBe('E_SIGNATURE');
    expect(await judge({ signer: posing(ada.sig) })).toBe('E_SIGNATURE');
  });
  test('in another’s name', async () => {
    expect(await judge({ changes: { member: ben.member } })).toBe('E_NOT_ELIGIBLE');
    expect(await judge({ changes: { device: ben.id } })).toBe('E_NOT_ELIGIBLE');
  });
  test('any changed byte of a sealed answer', async () => {
    const sealed = await answer(world, ada, request, 'approve');
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: sealed.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = sealed.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(await codeOf(receive(world, request, changed))).toBe('E_BIND');
      }),
      { numRuns: 50 },
    );
  });
  test('garbage inside the seal', async () => {
    const inside = async (bytes: Uint8Array): Promise<string> =>
      codeOf(receive(world, request, await sealTo(request.request.epk, 'apr', world.state.org, [request.rh], bytes)));
    expect(await inside(new Uint8Array(2))).toBe('E_PADDING');
    expect(await inside(pad(new Uint8Array(3)))).toBe('E_CBOR');
    expect(await codeOf(receive(world, request, new Uint8Array(limits.mailBytes + 1)))).toBe('E_LIMIT');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (raw) => expect(await inside(pad(new Uint8Array(raw)))).toMatch(/^E_/)),
      { numRuns: 100 },
    );
  });
  test('somebody revoked or removed since, somebody who may not approve', async () => {
    const at = await org();
    const wanted = await ask(at, at.machine('laptop'), ['prod/db'], { lease });
    const bens = await answer(at, at.device('ben'), wanted, 'approve');
    await at.addMember('eve');
    expect(await codeOf(receive(at, wanted, await answer(at, at.device('eve'), wanted, 'deny')))).toBe('E_NOT_ELIGIBLE');
    await at.approvers('prod/db', 1, ['ada']);
    expect(
      await codeOf(
        receive(
          at,
          {
            ...wanted,
            pending: { ...wanted.pending, items: wanted.items.map((item) => ({ ...item, policy: found([...at.state.policies.values()][0], 'policy') })) },
          },
          bens,
        ),
      ),
    ).toBe('E_NOT_ELIGIBLE');
    await at.append('device.revoke', { device: at.device('ben').id, exposed: [] });
    expect(await codeOf(receive(at, wanted, bens))).toBe('E_REVOKED');
  });
  test('row 69: the machine’s owner where duties are separated', async () => {
    const at = await org({ separationOfDuties: true });
    const wanted = await ask(at, at.machine('laptop'), ['prod/db'], { lease });
    expect(await codeOf(receive(at, wanted, await answer(at, at.device('ada'), wanted, 'approve')))).toBe('E_SOD');
    expect(await codeOf(receive(at, wanted, await answer(at, at.device('ben'), wanted, 'approve')))).toBe('accepted');
  });
  test('frozen: an approval no, a denial yes', async () => {
    const at = await org();
    const wanted = await ask(at, at.machine('laptop'), ['prod/db'], { lease });
    await at.append('org.freeze', { reason: '' });
    expect(await codeOf(receive(at, wanted, await answer(at, at.device('ada'), wanted, 'approve')))).toBe('E_FROZEN');
    expect(await codeOf(receive(at, wanted, await answer(at, at.device('ada'), wanted, 'deny')))).toBe('accepted');
  });
});

describe('INV-ANS-UV row 96: user verification over exactly this decision', () => {
  const wrong: readonly (readonly [what: string, how: DoctoredAnswer])[] = [
    ['another origin', { assertion: { origin: 'https://evil.example' } }],
    ['another relying party', { assertion: { rpId: 'evil.example' } }],
    ['nobody verified', { assertion: { flags: 1 } }],
    ['a frame of another origin', { assertion: { client: { crossOrigin: true } } }],
    ['another challenge', { assertion: { challenge: new Uint8Array(32) } }],
    ['a longer lease than was shown', { lease: { ttlS: 60, uses: 1, scope: 'process' }, forged: { lease } }],
    ['another card than was shown', { forged: { card: cardDigest(['other']) } }],
    ['another nonce', { forged: { nonce: new Uint8Array(16) } }],
    ['another head', { forged: { head: { seq: 0, eh: found(world.history(0), 'genesis') } } }],
  ];
  test.each(wrong)('%s', async (_what, how) => expect(await judge(how)).toBe('E_WEBAUTHN'));
  test('none; one of another member; one on a denial', async () => {
    const core = await receiveRaw(request, await answer(world, ada, request, 'approve'));
    expect(await codeOf(receive(world, request, await sealAnswer(request.request, core, ada.sig)))).toBe('E_WEBAUTHN');
    const bens = await found(ben.voice.assert, 'passkey')(coreHash(core));
    expect(await codeOf(receive(world, request, await sealAnswer(request.request, core, ada.sig, bens)))).toBe('E_WEBAUTHN');
    const denial = { ...core, decision: 'deny' as const, items: [] };
    expect(
      await codeOf(
        receive(world, request, await sealAnswer(request.request, denial, ada.presence, await found(ada.voice.assert, 'passkey')(coreHash(denial)))),
      ),
    ).toBe('E_WEBAUTHN');
  });
  test('the challenge covers every part of the decision', async () => {
    const { answer: base } = await receive(world, request, await answer(world, ada, request, 'approve'));
    const changes: readonly Partial<Answer>[] = [
      { org: 'ab'.repeat(32) as OrgId },
      { rh: 'ab'.repeat(32) as Hash },
      { decision: 'deny' },
      { lease: { ...lease, ttlS: 1 } },
      { lease: { ...lease, uses: 1 } },
      { lease: { ...lease, scope: 'exe' } },
      { device: ben.id },
      { member: ben.member },
      { head: { seq: 0, eh: base.head.eh } },
      { head: { ...base.head, eh: 'ab'.repeat(32) as Hash } },
      { nonce: new Uint8Array(16) },
      { card: 'ab'.repeat(32) as Hash },
    ];
    expect(new Set([base, ...changes.map((change) => ({ ...base, ...change }))].map(coreHash)).size).toBe(changes.length + 1);
  });
});

describe('INV-ANS-BOUNDS never more than was asked, nor than the policy allows', () => {
  const asks: readonly (readonly [what: string, asked: Ask['lease'] & object, granted: Ask['lease'] & object, code: string])[] = [
    ['as asked', lease, lease, 'accepted'],
    ['longer', lease, { ...lease, ttlS: 601 }, 'E_LEASE_BOUNDS'],
    ['more uses', lease, { ...lease, uses: 11 }, 'E_LEASE_BOUNDS'],
    ['wider', lease, { ...lease, scope: 'exe' }, 'E_LEASE_BOUNDS'],
    ['asked more than the policy has, granted it', { ttlS: 9_999, uses: 1, scope: 'process' }, { ttlS: 9_999, uses: 1, scope: 'process' }, 'E_LEASE_BOUNDS'],
    ['asked more than the policy has, granted what it has', { ttlS: 9_999, uses: 1, scope: 'process' }, { ttlS: 900, uses: 1, scope: 'process' }, 'accepted'],
    ['asked wider than the policy has, granted it', { ttlS: 60, uses: 2, scope: 'machine' }, { ttlS: 60, uses: 2, scope: 'machine' }, 'E_LEASE_BOUNDS'],
  ];
  test.each(asks)('%s', async (_what, asked, granted, code) => {
    const wanted = await ask(world, laptop, ['prod/db'], { lease: asked });
    expect(await codeOf(receive(world, wanted, await answer(world, ada, wanted, 'approve', { lease: granted })))).toBe(code);
  });
});

describe('INV-ANS-SHARE row 31: only the committed share counts', () => {
  test('a chosen share', async () => {
    expect(await judge({ share: (share) => share.map((byte) => byte ^ 1) })).toBe('E_SHARE_COMMIT');
    expect(await judge({ share: () => new Uint8Array(32) })).toBe('E_SHARE_COMMIT');
  });
});

describe('INV-ANS-HEAD rows 10, 11, 89: the device’s log and clock', () => {
  test('behind, ahead, another', async () => {
    expect(await judge({ changes: { head: { seq: 1, eh: found(world.history(1), 'entry') } } })).toBe('accepted');
    expect(await judge({ changes: { head: { seq: 1, eh: found(world.history(0), 'entry') } } })).toBe('E_FORK');
    expect(await judge({ changes: { head: { seq: 99, eh: found(world.history(0), 'entry') } } })).toBe('E_HEAD_AHEAD');
  });
  test('five minutes, and not a millisecond more', async () => {
    const now = world.clock.now();
    for (const away of [limits.clockSkewMs, -limits.clockSkewMs]) {
      expect(await judge({ changes: { ts: now + away } })).toBe('accepted');
      expect(await judge({ changes: { ts: now + away + Math.sign(away) } })).toBe('E_CLOCK');
    }
  });
});

describe('INV-ANS-PROOF what stands as proof after the shares are gone', () => {
  const proofOf = async (decision: Answer['decision']): Promise<Evidence> =>
    (await receive(world, request, await answer(world, ada, request, decision))).evidence;
  test('an approval and a denial prove themselves from the log alone, also after going through bytes', async () => {
    for (const decision of ['approve', 'deny', 'shown'] as const) {
      const evidence = decode(evidenceCodec, encode(evidenceCodec, await proofOf(decision)), 8_192);
      expect(await codeOf(verifyEvidence(world.state, request.rh, evidence))).toBe('accepted');
    }
  });
  test('nothing of it can be changed', async () => {
    const [yes, no] = [await proofOf('approve'), await proofOf('deny')];
    const { assertion: _1, ...without } = yes;
    const { envelope: _2, ...unsigned } = no;
    const wrong: readonly (readonly [evidence: Evidence, code: string])[] = [
      [{ ...yes, rh: 'ab'.repeat(32) as Hash }, 'E_BIND'],
      [{ ...yes, org: 'ab'.repeat(32) as OrgId }, 'E_BIND'],
      [{ ...yes, member: ben.member }, 'E_BIND'],
      [{ ...yes, device: ben.id, member: ben.member }, 'E_WEBAUTHN'],
      [{ ...yes, lease: { ...yes.lease, ttlS: 1 } }, 'E_WEBAUTHN'],
      [without, 'E_WEBAUTHN'],
      [{ ...no, decision: 'approve' }, 'E_WEBAUTHN'],
      [{ ...yes, decision: 'deny' }, 'E_SIGNATURE'],
      [unsigned, 'E_SIGNATURE'],
      [{ ...no, decision: 'shown' }, 'E_BIND'],
      [{ ...no, device: ben.id, member: ben.member }, 'E_SIGNATURE'],
    ];
    for (const [evidence, code] of wrong) expect(await codeOf(verifyEvidence(world.state, request.rh, evidence))).toBe(code);
    expect(await codeOf(verifyEvidence(world.state, 'ab'.repeat(32) as Hash, yes))).toBe('E_BIND');
  });
});

test('an answer to a request of another machine’s key does not open', async () => {
  const other = await kemKeyFrom(world.random(32));
  const sealed = await answer(world, ada, request, 'approve');
  expect(await codeOf(verifyAnswer(world.state, world.history, { ...request.pending, epk: other }, sealed, world.clock.now()))).toBe('E_BIND');
  expect(unpad(await plain(request, sealed)).length).toBeGreaterThan(100);
});

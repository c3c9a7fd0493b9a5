// Receipts: signed by their machine, chained without gaps (spec/09-release.md §receipts; row 35).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../testing/code-of.ts';
import { World } from '../testing/world.ts';
import { answer, ask, receive } from '../testing/world-release.ts';
import { decode, encode } from './codec.ts';
import type { Hash, OrgId } from './hash.ts';
import { limits } from './limits.ts';
import { zeroHash } from './org-log/entry.ts';
import { type Receipt, type SignedReceipt, signReceipt, verifyChain, verifyReceipt } from './receipt.ts';
import { verifyEvidence } from './approval.ts';
import { evidenceCodec } from './approval.ts';
import { encodeEnvelope, parseEnvelope } from './sign.ts';
import { openLetter, sealLetter } from './notice.ts';

const world = new World('receipt');
await world.genesis();
const laptop = await world.addMachine('laptop');
const server = await world.addMachine('server');
await world.put('prod/db', 'value');
const request = await ask(world, laptop, ['prod/db']);
const { evidence } = await receive(world, request, await answer(world, world.device('ada'), request, 'approve'));
const first: Receipt = {
  org: world.state.org,
  machine: laptop.id,
  n: 0,
  prev: zeroHash,
  ts: world.clock.now(),
  head: world.state.head,
  outcome: 'released',
  requestId: request.request.requestId,
  rh: request.rh,
  request: request.bytes,
  evidence: [evidence],
  note: '',
};
const sign = (changes: Partial<Receipt> = {}, machine = laptop): Promise<SignedReceipt> => signReceipt({ ...first, ...changes }, machine.sig);

describe('INV-RCPT-SIGNED', () => {
  test('an honest receipt holds the request and a proof of the decision that needs only the log', async () => {
    const { receipt, hash } = await verifyReceipt(world.state, (await sign()).bytes);
    expect(hash).toBe((await sign()).hash);
    for (const proof of receipt.evidence) await verifyEvidence(world.state, receipt.rh, proof);
    expect(decode(evidenceCodec, encode(evidenceCodec, evidence), 4_096)).toEqual(evidence);
  });
  test('a machine that was revoked later: its old receipts stay readable', async () => {
    const at = new World('receipt');
    await at.genesis();
    await at.addMachine('laptop');
    const { bytes } = await signReceipt({ ...first, org: at.state.org }, at.machine('laptop').sig);
    await at.append('machine.revoke', { machine: at.machine('laptop').id, exposed: [] });
    expect(await codeOf(verifyReceipt(at.state, bytes))).toBe('accepted');
  });
  test('signed by another machine, a device, nobody, two; another org, version; changed', async () => {
    const { bytes } = await sign();
    const envelope = parseEnvelope('receipt', bytes, limits.entryBytes);
    const judge = (raw: Uint8Array): Promise<string> => codeOf(verifyReceipt(world.state, raw));
    expect(await judge((await sign({}, server)).bytes)).toBe('E_SIGNATURE');
    expect(await judge((await signReceipt(first, world.device('ada').sig)).bytes)).toBe('E_SIGNATURE');
    expect(await judge(encodeEnvelope({ ...envelope, signatures: [...envelope.signatures, ...envelope.signatures] }))).toBe('E_SIGNATURE');
    expect(await judge(encodeEnvelope({ ...envelope, payload: envelope.payload.map((byte, at) => (at === 40 ? byte ^ 1 : byte)) }))).toBe('E_SIGNATURE');
    expect(await judge((await sign({ org: 'ab'.repeat(32) as OrgId })).bytes)).toBe('E_ORG');
    expect(await judge((await sign({ v: 2 } as Partial<Receipt>)).bytes)).toBe('E_SUITE'); // a field that honest machines do not set
    expect(await judge(new Uint8Array(limits.entryBytes + 1))).toBe('E_LIMIT');
  });
});

describe('INV-RCPT-CHAIN row 35: none is missing, none was changed', () => {
  test('each names the one before', async () => {
    const one = await sign();
    const two = await sign({ n: 1, prev: one.hash, outcome: 'used' });
    const [a, b] = [await verifyReceipt(world.state, one.bytes), await verifyReceipt(world.state, two.bytes)];
    verifyChain(undefined, a);
    verifyChain({ n: 0, hash: a.hash }, b);
    const wrong: readonly (readonly [Parameters<typeof verifyChain>[0], Partial<Receipt>])[] = [
      [undefined, { n: 1, prev: one.hash }],
      [undefined, { n: 0, prev: one.hash }],
      [
        { n: 0, hash: a.hash },
        { n: 2, prev: one.hash },
      ],
      [
        { n: 0, hash: a.hash },
        { n: 1, prev: 'ab'.repeat(32) as Hash },
      ],
      [
        { n: 0, hash: a.hash },
        { n: 0, prev: zeroHash },
      ],
      [
        { n: 5, hash: a.hash },
        { n: 1, prev: one.hash },
      ],
    ];
    for (const [before, changes] of wrong) {
      const next = await verifyReceipt(world.state, (await sign(changes)).bytes);
      expect(await codeOf(() => verifyChain(before, next))).toBe('E_AUDIT_GAP');
    }
  });
});

test('a receipt with sixteen approvals fits in a letter', async () => {
  const { bytes } = await sign({ evidence: Array.from({ length: limits.quorumN }, () => evidence) });
  const ada = world.device('ada');
  const mail = await sealLetter(world.state.org, { id: ada.id, key: ada.inbox.publicKey }, { kind: 'receipt', bytes });
  expect(mail.length).toBeLessThanOrEqual(limits.mailBytes);
  expect((await openLetter(world.state.org, ada.id, ada.inbox, mail)).bytes).toEqual(bytes);
});

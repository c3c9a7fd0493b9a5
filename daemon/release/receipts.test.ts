// The receipt chain against a relay that loses, refuses and holds what others wrote (spec/09-release.md §receipts).
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RequestId } from '../../protocol/hash.ts';
import { pinOf } from '../../protocol/org-log/pin.ts';
import { openRecord, receiptStream } from '../../protocol/org-log/record.ts';
import { verifyChain, verifyReceipt } from '../../protocol/receipt.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import type { OrgLog } from '../../relay-client/org-log.ts';
import { type MemoryRelay, createMemoryRelay } from '../../testing/memory-relay.ts';
import { World } from '../../testing/world.ts';
import { idFrom } from '../../testing/world-people.ts';
import { codeOf } from '../org/link.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import { type DaemonStore, openDaemonStore } from '../vault/store.ts';
import { type Receipts, createReceipts } from './receipts.ts';

interface Fixture extends Disposable {
  readonly relay: MemoryRelay;
  readonly receipts: Receipts;
  readonly store: DaemonStore;
  readonly problems: string[];
  readonly failing: { post: boolean };
  write(note: string): Promise<void>;
  /** Notes of the valid receipts at the relay; throws where they are no chain. */
  chain(): Promise<readonly string[]>;
}

async function start(): Promise<Fixture> {
  const dir = mkdtempSync(join(tmpdir(), 'sv-'));
  const world = new World('receipts');
  await world.genesis();
  const laptop = await world.addMachine('laptop');
  const { org } = world.state;
  const relay = createMemoryRelay(world.clock.now);
  const store = openDaemonStore(join(dir, 'state.db'));
  const problems: string[] = [];
  const log = { requireState: () => world.state, keys: world.mk } as unknown as OrgLog; // the part that is used
  const machine: MachineIdentity = {
    ...laptop,
    org,
    machine: laptop.id,
    token: idFrom(world.random),
    relay: 'https://relay.example',
    localKey: new Uint8Array(32),
    pin: pinOf(world.state),
  };
  const failing = { post: false };
  const client = relay.client(org);
  const post: typeof client.post = (mails) => (failing.post ? Promise.reject(new RelayClientError('E_RELAY_AWAY', 'away')) : client.post(mails));
  const link = { client: { ...client, post }, log };
  const receipts = createReceipts({
    machine,
    store,
    link,
    now: world.clock.now,
    random: world.random,
    onProblem: (error) => void problems.push(codeOf(error)),
  });
  const stream = receiptStream(org, laptop.id);
  return {
    relay,
    receipts,
    store,
    problems,
    failing,
    write: (note) =>
      receipts.write({
        outcome: 'released',
        requestId: idFrom<RequestId>(world.random),
        rh: world.state.head.eh,
        note,
        tell: [world.state.devices.values().next().value!],
      }),
    chain: async () => {
      let before: { readonly n: number; readonly hash: typeof world.state.head.eh } | undefined;
      const notes: string[] = [];
      for (const { blob } of relay.streams.get(stream) ?? []) {
        const bytes = await openRecord({ org, stream }, world.mk, blob).catch(() => undefined); // garbage
        if (!bytes) continue;
        const verified = await verifyReceipt(world.state, bytes);
        verifyChain(before, verified);
        before = { n: verified.receipt.n, hash: verified.hash };
        notes.push(verified.receipt.note);
      }
      return notes;
    },
    [Symbol.dispose]: () => {
      store[Symbol.dispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const records = ({ relay }: Fixture) => [...relay.streams.values()][0] ?? [];

test('a relay that lost the newest receipts gets them again, in order, and nothing twice', async () => {
  using at = await start();
  for (const note of ['a', 'b', 'c']) await at.write(note);
  await at.receipts.send();
  expect(await at.chain()).toEqual(['a', 'b', 'c']);
  records(at).splice(1); // restored from a backup
  await at.write('d');
  await at.receipts.send();
  expect(await at.chain()).toEqual(['a', 'b', 'c', 'd']);
  expect(at.problems).toEqual(['E_AUDIT_GAP']);
  records(at).splice(0); // all of it
  await at.write('e');
  await at.receipts.send();
  expect(await at.chain()).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('what others left there is passed over; the chain goes on behind it', async () => {
  using at = await start();
  await at.write('a');
  await at.receipts.send();
  const [first] = records(at);
  records(at).push({ ...first!, seq: 1, prev: first!.eh, eh: 'ab'.repeat(32) as never, blob: new Uint8Array(9) });
  for (const note of ['b', 'c']) await at.write(note);
  await at.receipts.send();
  expect(await at.chain()).toEqual(['a', 'b', 'c']);
  expect(records(at)).toHaveLength(4);
  expect(at.problems).toEqual([]);
});

test('letters that could not be posted are posted later, without a second receipt', async () => {
  using at = await start();
  await at.write('a');
  at.failing.post = true;
  await at.receipts.send();
  expect([at.relay.mails.length, at.problems]).toEqual([0, ['E_RELAY_AWAY']]);
  at.failing.post = false;
  await at.receipts.send();
  expect(at.relay.mails).toHaveLength(1);
  expect(await at.chain()).toEqual(['a']);
  expect(at.store.unsentReceipts()).toEqual([]);
});

test('two that are written at once are one after the other', async () => {
  using at = await start();
  await Promise.all(['a', 'b', 'c', 'd'].map((note) => at.write(note)));
  await Promise.all([at.receipts.send(), at.receipts.send()]);
  expect((await at.chain()).toSorted()).toEqual(['a', 'b', 'c', 'd']);
  expect(at.problems).toEqual([]);
});

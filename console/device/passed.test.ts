// A log that stopped at somebody's record goes on when the person at the device says so, and the record is kept (spec/05-org-log.md §sync).
import { expect, test } from 'bun:test';
import { encodeEntry, entryHash, zeroHash } from '../../protocol/org-log/entry.ts';
import { orgStream, sealRecord } from '../../protocol/org-log/record.ts';
import { signEnvelope } from '../../protocol/sign.ts';
import { type SoftPerson, joined, softWorld } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';
import { openSession } from './session.ts';
import { decodeDevice, deviceRecord } from './stored-device.ts';
import { unlock } from './unlock.ts';

/** A validly signed entry that no client can follow, straight to the relay: a checkpoint of another state. */
async function poison({ platform }: SoftPerson): Promise<void> {
  const stored = await platform.storage.load();
  const device = (await platform.storage.read(deviceRecord)).get(deviceRecord);
  if (stored.kind !== 'held' || !device) throw new Error('no device here');
  const session = await openSession(platform, stored.keys, decodeDevice(device));
  const { client, log, me } = session;
  const state = await log.sync();
  const { head, org, mkEpoch } = state;
  const signers = [{ kind: 'device' as const, id: me.device }];
  const payload = encodeEntry({ org, seq: head.seq + 1, prev: head.eh, ts: platform.now(), signers, type: 'checkpoint', body: { stateHash: zeroHash } });
  const eh = entryHash(payload);
  const envelope = await unlock(session, eh, ({ sig, assertion }) => signEnvelope('entry', payload, [{ signer: sig, assertion }]));
  const stream = orgStream(org);
  const page = await client.read(stream, head.seq);
  const mk = log.keys.get(mkEpoch) ?? new Uint8Array(32);
  await client.append({
    stream,
    seq: page.head.seq + 1,
    prev: page.head.eh ?? zeroHash,
    eh,
    blob: await sealRecord({ org, stream }, mkEpoch, mk, envelope, platform.random),
  });
}

test('[INV-LOG-RESUME] the page says at which record it stopped; the person goes on, after a reload too, and the evidence stays', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  await poison(ben);
  const halted = await until(
    ada.app,
    () => {
      ada.platform.comeBack();
      const phase = ada.app.phase();
      return phase.kind === 'halted' ? phase : undefined;
    },
    'the log to stop',
  );
  expect(halted).toMatchObject({ code: 'E_CHECKPOINT_STATE' });
  expect(halted.stop?.record).toMatch(/^[0-9a-f]{64}$/);

  expect((await ada.platform.storage.read('halt')).size).toBe(1); // a restart forgets nothing
  const again = world.reload(ada);
  await until(again.app, () => (again.app.phase().kind === 'halted' ? true : undefined), 'it to stop again: nobody decided');
  await again.app.passOver();
  expect(again.app.phase().kind).toBe('ready');
  await again.app.freeze('ben did this');
  expect(again.app.org()?.frozen).toBe(true);
  const kept = await again.platform.storage.read('passed/');
  expect([...kept.keys()]).toEqual([`passed/${halted.stop?.record}`]);
  expect((await again.platform.storage.read('halt')).size).toBe(0);

  const later = world.reload(again);
  await until(later.app, () => (later.app.org()?.online ? true : undefined), 'ada to be online');
  expect(later.app.org()?.frozen).toBe(true);
  await expect(later.app.passOver()).rejects.toMatchObject({ failure: { code: 'E_GONE' } });
});

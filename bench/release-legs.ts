// A release without the human: request sent → card data at the device; approval sent → value at the process. Loopback, real fsync.
import { type Spread, spreadOf } from './measure.ts';
import { sealTo, kemKeyFrom } from '../protocol/seal.ts';
import { verifySignature } from '../protocol/keys.ts';
import type { OrgId } from '../protocol/hash.ts';
import type { BenchWorld } from './world.ts';
import { ask } from './world.ts';
import { answer } from '../testing/world-release.ts';

export interface ReleaseLegs {
  /** ms */
  readonly requestToCard: Spread;
  readonly approvalToValue: Spread;
  /** What is in them, each measured alone, ms: one X-Wing seal, one open, one signature check, one durable post to the relay. */
  readonly split: Readonly<Record<'seal' | 'open' | 'verify' | 'durablePost', Spread>>;
}

const restMs = 200;

export async function releaseLegs(world: Pick<BenchWorld, 'org' | 'socketPath'>, runs = 14): Promise<ReleaseLegs> {
  const { org } = world;
  const ada = org.world.device('ada');
  const first: number[] = [];
  const second: number[] = [];
  for (let i = 0; i < runs + 5; i++) {
    await Bun.sleep(restMs); // the receipt of the one before is sent in this time, as it would be between two requests
    const waiting = org.nextRequest(ada);
    const from = performance.now();
    const done = ask(world.socketPath, { items: [{ path: 'prod/db-primary' }] });
    const seen = await waiting;
    const card = performance.now();
    const { request, rh, items } = seen.verified;
    const sealed = await answer(org.world, ada, { request, rh, items }, 'approve'); // made on the approver's device, with the human
    const sent = performance.now();
    await org.reply(seen, sealed);
    await done;
    if (i < 5) continue;
    first.push(card - from);
    second.push(performance.now() - sent);
  }
  return { requestToCard: spreadOf(first), approvalToValue: spreadOf(second), split: await split(world) };
}

async function split({ org }: Pick<BenchWorld, 'org'>): Promise<ReleaseLegs['split']> {
  const key = await kemKeyFrom(org.world.random(32));
  const id = org.world.state.org as OrgId;
  const plain = new Uint8Array(4_096);
  const sealed = await sealTo(key.publicKey, 'inbox', id, [], plain);
  const signer = org.world.device('ada').presence;
  const signature = await signer.sign(plain);
  const mailbox = 'ab'.repeat(32) as Parameters<typeof org.client.post>[0][number]['mailbox'];
  const each = async (act: () => Promise<unknown>): Promise<Spread> => {
    const samples: number[] = [];
    for (let i = 0; i < 60; i++) {
      const from = performance.now();
      await act();
      if (i >= 10) samples.push(performance.now() - from);
    }
    return spreadOf(samples);
  };
  return {
    seal: await each(() => sealTo(key.publicKey, 'inbox', id, [], plain)),
    open: await each(() => key.open('inbox', id, [], sealed)),
    verify: await each(() => verifySignature(signer.publicKey, plain, signature)),
    durablePost: await each(() => org.client.post([{ mailbox, body: plain, ttlS: 60 }])),
  };
}

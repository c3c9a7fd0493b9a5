// Benchmarks only: a client that has nothing looks ahead from a checkpoint, then reads a whole log and stores it. `bun bench/scale-reader.ts DIR ORG PIN`
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openDaemonStore } from '../daemon/vault/store.ts';
import type { Hash, MachineId, OrgId } from '../protocol/hash.ts';
import { entryHash, zeroHash } from '../protocol/org-log/entry.ts';
import type { Pin } from '../protocol/org-log/pin.ts';
import { orgStream, sealRecord } from '../protocol/org-log/record.ts';
import { parseEnvelope } from '../protocol/sign.ts';
import type { StreamRecord } from '../protocol/wire.ts';
import { openAhead } from '../relay-client/ahead.ts';
import { openOrgLog } from '../relay-client/org-log.ts';
import { createMemoryRelay } from '../testing/memory-relay.ts';

const [, , dir, org, pinJson] = process.argv as unknown as readonly [string, string, string, OrgId, string]; // as scale.ts gives them
const pin = JSON.parse(pinJson) as Pin; // as above
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const stream = orgStream(org);
const mk = new Uint8Array(readFileSync(join(dir, 'mk')));
const all = new Uint8Array(readFileSync(join(dir, 'entries')));
const records: StreamRecord[] = [];
let [at, prev] = [0, zeroHash];
for (const length of new Uint32Array(new Uint8Array(readFileSync(join(dir, 'lengths'))).buffer)) {
  const bytes = all.subarray(at, (at += length));
  const eh: Hash = entryHash(parseEnvelope('entry', bytes, 65_536).payload);
  records.push({ stream, seq: records.length, prev, eh, blob: await sealRecord({ org, stream }, 0, mk, bytes, random) });
  prev = eh;
}
const relay = createMemoryRelay(Date.now);
relay.streams.set(stream, records);
relay.pageSize = 200;
for (const hash of readdirSync(join(dir, 'blobs'))) relay.blobs.set(hash as Hash, new Uint8Array(readFileSync(join(dir, 'blobs', hash)))); // named so by scale.ts
using store = openDaemonStore(join(dir, 'state.db'));
store.adopt('00'.repeat(16) as MachineId, { entries: [], cursor: { seq: -1, eh: zeroHash }, keys: new Map() });
const about = { org, client: relay.client(org), now: Date.now, random, openMkWrap: () => Promise.reject<Uint8Array>(new Error('one epoch')) };
const aheadMs: number[] = [];
const aheadCpuMs: number[] = [];
for (let i = 0; i < 5; i++) {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const ahead = await openAhead({ ...about, onProblem: (error) => process.stderr.write(`  ${String(error)}\n`) }, { epoch: 0, mk }, pin);
  if (ahead?.state?.head.seq !== records.length - 1) throw new Error('the checkpoint was of no use');
  const { user, system } = process.cpuUsage(cpu);
  aheadMs.push(Math.round(performance.now() - began));
  aheadCpuMs.push(Math.round((user + system) / 1_000));
}
Bun.gc(true);
const before = process.memoryUsage.rss();
const [from, cpu] = [performance.now(), process.cpuUsage()];
let told = 0;
const log = await openOrgLog({
  ...about,
  store: store.log,
  pin,
  progress: (done, of) => {
    if (Math.floor((5 * done) / of) > told) process.stderr.write(`  ${done} of ${of} entries read\n`);
    told = Math.floor((5 * done) / of);
  },
});
log.addKey(0, mk);
await log.sync();
const { user, system } = process.cpuUsage(cpu);
const whole = {
  ms: Math.round(performance.now() - from),
  cpuMs: Math.round((user + system) / 1_000),
  mb: Math.round((process.memoryUsage.rss() - before) / 1e6),
};
process.stdout.write(JSON.stringify({ ...whole, aheadMs, aheadCpuMs }));
process.exit(0);

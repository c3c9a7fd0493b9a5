// Benchmarks only: a client that has nothing reads a whole log and stores it. `bun bench/scale-reader.ts DIR ORG`
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDaemonStore } from '../daemon/vault/store.ts';
import type { Hash, MachineId, OrgId } from '../protocol/hash.ts';
import { entryHash, zeroHash } from '../protocol/org-log/entry.ts';
import { orgStream, sealRecord } from '../protocol/org-log/record.ts';
import { parseEnvelope } from '../protocol/sign.ts';
import type { StreamRecord } from '../protocol/wire.ts';
import { openOrgLog } from '../relay-client/org-log.ts';
import { createMemoryRelay } from '../testing/memory-relay.ts';

const [, , dir, org] = process.argv as unknown as readonly [string, string, string, OrgId]; // as scale.ts gives them
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
using store = openDaemonStore(join(dir, 'state.db'));
store.adopt('00'.repeat(16) as MachineId, { entries: [], cursor: { seq: -1, eh: zeroHash }, keys: new Map() });
Bun.gc(true);
const before = process.memoryUsage.rss();
const from = performance.now();
let told = 0;
const log = await openOrgLog({
  org,
  client: relay.client(org),
  store: store.log,
  now: Date.now,
  random,
  openMkWrap: () => Promise.reject(new Error('one epoch')),
  progress: (done, of) => {
    if (Math.floor((5 * done) / of) > told) process.stderr.write(`  ${done} of ${of} entries read\n`);
    told = Math.floor((5 * done) / of);
  },
});
log.addKey(0, mk);
await log.sync();
process.stdout.write(JSON.stringify({ ms: Math.round(performance.now() - from), mb: Math.round((process.memoryUsage.rss() - before) / 1e6) }));
process.exit(0);

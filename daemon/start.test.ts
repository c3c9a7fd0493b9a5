// A real daemon, a real relay, real sockets: enrol, ask, approve, lease, deny, withdraw. People are programs of the fake world.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReleaseEvent } from '../protocol/local-api.ts';
import { type RunningRelay, startRelay } from '../relay/main.ts';
import { type LiveOrg, createLiveOrg } from '../testing/live-org.ts';
import { World } from '../testing/world.ts';
import { type RunningDaemon, startDaemon } from './start.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-'));
const socketPath = join(dir, 'run', 'd.sock');
const problems: object[] = [];
let relay: RunningRelay;
let org: LiveOrg;
let daemon: RunningDaemon;

const start = (): Promise<RunningDaemon> => startDaemon({ stateDir: join(dir, 'state'), socketPath, version: 'test', log: (line) => void problems.push(line), own: [], limiter: { take: () => undefined } });

async function* events(path: string, body: object, signal?: AbortSignal): AsyncGenerator<ReleaseEvent> {
  const response = await fetch(`http://local${path}`, { unix: socketPath, method: 'POST', body: JSON.stringify(body), ...(signal ? { signal } : {}) });
  let rest = '';
  for await (const chunk of response.body ?? []) {
    rest += Buffer.from(chunk).toString();
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      yield JSON.parse(rest.slice(0, end)) as ReleaseEvent; // what the daemon says
      rest = rest.slice(end + 1);
    }
  }
}
async function last(path: string, body: object): Promise<ReleaseEvent | undefined> {
  let event;
  for await (event of events(path, body));
  return event;
}

beforeAll(async () => {
  relay = await startRelay({ dataDir: join(dir, 'relay'), port: 0, logLevel: 'off' });
  const world = new World('daemon');
  world.clock.set(Date.now());
  await world.genesis();
  org = await createLiveOrg(world, relay.url);
  await org.sync();
  daemon = await start();
});
afterAll(async () => {
  await daemon.stop();
  await relay.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('the main loop', () => {
  test('a token enrols, an admin admits', async () => {
    expect(daemon.status().state).toBe('not_enrolled');
    const token = await org.token();
    const joined = await daemon.join({ token, name: 'build-1' });
    expect(joined.state).toBe('awaiting_admission');
    expect(await daemon.join({ token, name: 'build-1' })).toEqual(joined); // repeatable
    await org.admit();
    while (daemon.status().state !== 'ready') await Bun.sleep(5);
    await org.world.put('prod/db-primary', 'correct horse');
    await org.sync();
    while (daemon.status().log?.seq !== org.world.state.head.seq) await Bun.sleep(5);
  });

  test('approved once: the value arrives, a receipt proves it', async () => {
    const ada = org.world.device('ada');
    const done = last('/v1/release', { items: [{ path: 'prod/db-primary' }], reason: 'migrate' });
    const seen = await Promise.race([org.nextRequest(ada), done.then((e) => { throw new Error(JSON.stringify([e, problems])); })]);
    await org.decide(seen, 'shown');
    await org.decide(seen, 'approve');
    const event = await done;
    expect(event).toMatchObject({ event: 'released', from: 'approval', approved_by: ['ada'] });
    expect(atob(event.values[0].value)).toBe('correct horse');
  });
});

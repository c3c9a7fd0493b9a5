// Requests that go on without their asker, and who may take what they release (spec/17-run.md §held): real processes under a shell that plays the agent.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AwaitEvent } from '../../protocol/local-api/held.ts';
import { Conversation, type Live, startLive, until } from '../../testing/live-daemon.ts';

const main = join(import.meta.dir, '../main.ts');
let live: Live;
beforeAll(async () => {
  live = await startLive({ secrets: { 'prod/db': 'correct horse', 'prod/api': 'second' } });
  await live.daemon.stop();
  await live.daemon.start({ own: [{ exe: process.execPath, script: main }] });
});
afterAll(() => live[Symbol.asyncDispose]());

interface Said {
  readonly code: number;
  readonly out: string;
}
/** A shell that runs one command line after the other, each as a child of its own. */
function startAgent(): Disposable & { readonly pid: number; run(words: string): Promise<Said>; say(line: string): void } {
  const child = Bun.spawn(['bash'], {
    env: { PATH: process.env['PATH'] ?? '', STILLVAULT_SOCKET: live.daemon.socketPath },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'ignore',
  });
  const reader = child.stdout.getReader();
  let text = '';
  return {
    pid: child.pid,
    say: (line) => void child.stdin.write(`${line}\n`),
    async run(words) {
      void child.stdin.write(`out=$("${process.execPath}" "${main}" ${words}); printf '%s\\037%s\\036' "$?" "$out"\n`);
      await child.stdin.flush();
      while (!text.includes('\x1e')) {
        const { value, done } = await reader.read();
        if (done) throw new Error('the agent ended');
        text += new TextDecoder().decode(value);
      }
      const [said = '', rest = ''] = text.split('\x1e');
      text = rest;
      const [code = '', out = ''] = said.split('\x1f');
      return { code: Number(code), out };
    },
    [Symbol.dispose]: () => child.kill('SIGKILL'),
  };
}
const folder = (): Disposable & { readonly path: string } => {
  const path = mkdtempSync(join(tmpdir(), 'sv-held-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
};
const ada = () => live.world.device('ada');
const decide = async (decision: 'approve' | 'deny') => live.org.decide(await live.org.nextRequest(ada()), decision);
const pending = () => live.daemon.status().pending;
const lastReceipt = async () => (await live.org.receipts(live.daemon.machine)).at(-1)?.receipt;

describe('INV-HELD-TREE a request that goes on without its asker', () => {
  test('is taken by another process of the same agent, once; the receipt names both', async () => {
    using agent = startAgent();
    const { code, out: handle } = await agent.run('request prod/db --reason nightly');
    expect({ code, handle: /^[0-9a-f]{32}$/.test(handle) }).toEqual({ code: 0, handle: true });
    expect(await agent.run(`await ${handle} --wait 1s`)).toEqual({ code: 12, out: '' });
    const seen = await live.org.nextRequest(ada());
    expect(seen.verified.request.observed.argv).toContain('request');
    await live.org.decide(seen, 'approve');
    expect(await agent.run(`await ${handle}`)).toEqual({ code: 0, out: 'correct horse' });
    expect((await agent.run(`await ${handle}`)).code).toBe(14);
    await until(async () => (await lastReceipt())?.outcome === 'released', 'the receipt is at the relay');
    expect((await lastReceipt())?.note).toMatch(new RegExp(`^bash \\(pid ${agent.pid}\\), taken by bun\\S* \\(pid \\d+\\)$`));
  });

  test('#H1 is refused to another agent, which learns nothing and changes nothing', async () => {
    using agent = startAgent();
    using thief = startAgent();
    const { out: handle } = await agent.run('request prod/db');
    for (const words of [`await ${handle} --json`, `request --withdraw ${handle} --json`]) {
      const stolen = await thief.run(words);
      expect(stolen).toMatchObject({ code: 15 });
      expect(JSON.parse(stolen.out)).toMatchObject({ error: { code: 'policy_forbids', detail: 'E_HANDLE' } });
    }
    await decide('approve');
    expect((await thief.run(`await ${handle}`)).code).toBe(15);
    expect(await agent.run(`await ${handle}`)).toEqual({ code: 0, out: 'correct horse' });
  });

  test('#H1 is refused to another program of the same tree, which was not shown to people', async () => {
    using agent = startAgent();
    const { out: handle } = await agent.run('request prod/db');
    const other = `const h = require('http'); const r = h.request({ socketPath: process.env.STILLVAULT_SOCKET, path: '/v1/requests/await', method: 'POST' }, (a) => a.pipe(process.stdout)); r.end(JSON.stringify({ handle: '${handle}' }));`;
    const { out } = await agent.run(`version >/dev/null; node -e "${other}"`);
    expect(JSON.parse(out)).toMatchObject({ error: { detail: 'E_HANDLE' } });
    expect((await agent.run(`request --withdraw ${handle}`)).code).toBe(0);
    await live.org.nextRequest(ada());
  });

  test('#H1 is refused to the same script in another interpreter, and to another script in the same one', async () => {
    using agent = startAgent();
    using dir = folder();
    const { out: handle } = await agent.run('request prod/db');
    const file = join(dir.path, 'thief.mjs');
    writeFileSync(
      file,
      `import http from 'node:http';
       let resolve;
       const promise = new Promise((done) => (resolve = done));
       const ask = http.request({ socketPath: process.env.STILLVAULT_SOCKET, path: '/v1/requests/await', method: 'POST' }, (answer) => answer.on('data', (data) => process.stdout.write(data)).on('end', resolve));
       ask.end(JSON.stringify({ handle: '${handle}', timeoutS: 1 }));
       await promise;`,
    );
    for (const command of [`"${process.execPath}" ${file}`, `NODE_OPTIONS='--import ${file}' node "${main}"`]) {
      const { out } = await agent.run(`version >/dev/null; ${command}`);
      expect(out).toContain('E_HANDLE');
      expect(out).not.toContain('waiting');
    }
    expect((await agent.run(`request --withdraw ${handle}`)).code).toBe(0);
    await live.org.nextRequest(ada());
  });

  test('#H1 is refused where the agent has become another program, also to one who was waiting by then', async () => {
    using agent = startAgent();
    using dir = folder();
    const { out: handle } = await agent.run('request prod/db');
    const said = join(dir.path, 'said');
    agent.say(`"${process.execPath}" "${main}" await ${handle} >${said} 2>&1 & until grep -q . ${said}; do sleep 0.05; done; exec dash`);
    expect(await agent.run(`await ${handle} --wait 1s`)).toEqual({ code: 15, out: '' });
    await decide('approve');
    await until(() => pending() === 0, 'it is over');
    expect(await Bun.file(said).text()).not.toContain('correct horse');
  });

  test('is withdrawn when its tree ends', async () => {
    const agent = startAgent();
    await agent.run('request prod/db');
    await live.org.nextRequest(ada());
    expect(pending()).toBe(1);
    agent[Symbol.dispose]();
    await until(() => pending() === 0, 'it is withdrawn');
  });

  test('says denied to whoever comes, also later', async () => {
    using agent = startAgent();
    const { out: handle } = await agent.run('request prod/db');
    await decide('deny');
    await until(() => pending() === 0, 'it is over');
    expect((await agent.run(`await ${handle}`)).code).toBe(10);
    expect((await agent.run(`await ${handle}`)).code).toBe(10);
  });

  test('that was approved and not taken in time has expired, and nothing was opened', async () => {
    using agent = startAgent();
    const { out: handle } = await agent.run('request prod/db --wait 2s');
    await decide('approve');
    await until(() => pending() === 0, 'it is over');
    expect((await agent.run(`await ${handle}`)).code).toBe(11);
    await until(async () => (await lastReceipt())?.outcome === 'expired', 'its receipt says so');
  });

  test('of several secrets is told apart, or not told', async () => {
    using agent = startAgent();
    const { out: handle } = await agent.run('request prod/db prod/api');
    await decide('approve');
    expect((await agent.run(`await ${handle}`)).code).toBe(2);
    const { out } = await agent.run(`await ${handle} --json`);
    const lines = out.split('\n').map((line): unknown => JSON.parse(line));
    expect(lines.slice(-2)).toMatchObject([
      { path: 'prod/db', value: 'correct horse' },
      { path: 'prod/api', value: 'second' },
    ]);
  });
});

test('the first who waits gets it; who left before does not', async () => {
  const { handle } = (await live.daemon.call('/v1/requests', { items: [{ path: 'prod/db' }] })) as { handle: string }; // as the daemon says
  const take = () => new Conversation<AwaitEvent>(live.daemon.socketPath, '/v1/requests/await', { handle });
  const gone = take();
  await gone.next('waiting');
  gone.leave();
  const first = take();
  await first.next('waiting');
  const second = take();
  await second.next('waiting');
  await decide('approve');
  expect([(await first.end)?.event, (await second.end)?.event]).toEqual(['released', 'pending']);
});

test('a handle that nobody gave: not found', async () => {
  expect(await live.daemon.call('/v1/requests/await', { handle: '00'.repeat(16) })).toMatchObject({ error: { code: 'not_found' } });
});

// run and the request/await pair of the SDK: masked as it streams, withdrawn by leaving, nothing left behind (spec/10-local-api.md §calls).
import { describe, expect, test } from 'bun:test';
import { releasing, startStubDaemon, type StubAsk, waitingEvent } from '../testing/stub-daemon.ts';
import { createClient } from './client.ts';

const value = 'correct horse battery';
const giving = { 'POST /v1/release': releasing({ 'prod/a': value, 'prod/b': 'other-value', 'prod/bin': new Uint8Array([0, 255]) }) };
/** Asked, and nobody decides. */
function undecided(): { readonly answers: { 'POST /v1/release': (ask: StubAsk) => Promise<void> }; readonly gone: Promise<void> } {
  let tell = (): void => undefined;
  const gone = new Promise<void>((resolve) => (tell = resolve));
  return {
    gone,
    answers: {
      'POST /v1/release': async (ask) => {
        ask.event(waitingEvent(['prod/a']));
        await ask.gone;
        tell();
      },
    },
  };
}

describe('run', () => {
  test('one request for all variables; both streams masked, also where a value is split over writes', async () => {
    await using daemon = await startStubDaemon(giving);
    const told: string[] = [];
    const { exitCode, stdout, stderr } = await createClient(daemon).run(
      ['sh', '-c', 'printf "correct horse "; sleep 0.05; echo "battery and $B"; echo "$A" | base64 >&2; exit 3'],
      { env: { A: 'prod/a', B: 'prod/b' }, onStdout: (text) => told.push(text) },
    );
    expect({ exitCode, stdout, told: told.join('') }).toEqual({ exitCode: 3, stdout: '', told: '[masked] and [masked]\n' });
    expect(stderr).not.toContain(btoa(value).slice(0, 20));
    expect(daemon.asks).toMatchObject([{ body: { items: [{ path: 'prod/a' }, { path: 'prod/b' }] } }]);
  });

  test('gives standard input, its own folder and variables; the signal that ended it is told', async () => {
    await using daemon = await startStubDaemon(giving);
    const client = createClient(daemon);
    const options = { env: { A: 'prod/a' }, baseEnv: { PATH: process.env['PATH'], PLAIN: 'yes' }, cwd: daemon.folder };
    expect(await client.run(['sh', '-c', 'cat; echo "$PLAIN $PWD"'], { ...options, stdin: 'in ' })).toMatchObject({ stdout: `in yes ${daemon.folder}\n` });
    expect(await client.run(['sh', '-c', 'kill -TERM $$'], options)).toMatchObject({ exitCode: null, signal: 'SIGTERM' });
  });

  test('what is no text does not reach a program', async () => {
    await using daemon = await startStubDaemon(giving);
    await expect(createClient(daemon).run(['true'], { env: { A: 'prod/bin' } })).rejects.toMatchObject({ code: 'usage' });
  });

  test('aborting ends the program, and rejects with the reason', async () => {
    await using daemon = await startStubDaemon(giving);
    const leaving = new AbortController();
    const reason = new Error('enough');
    const running = createClient(daemon).run(['sh', '-c', 'echo started; exec sleep 60'], {
      env: { A: 'prod/a' },
      signal: leaving.signal,
      onStdout: () => leaving.abort(reason),
    });
    await expect(running).rejects.toBe(reason);
  });

  test('aborting while people decide withdraws the request, and starts nothing', async () => {
    const people = undecided();
    await using daemon = await startStubDaemon(people.answers);
    const leaving = new AbortController();
    const running = createClient(daemon).run(['sh', '-c', 'echo started'], {
      env: { A: 'prod/a' },
      signal: leaving.signal,
      onProgress: () => leaving.abort(new Error('enough')),
    });
    await expect(running).rejects.toThrow('enough');
    await people.gone;
  });
});

describe('request', () => {
  test('resolves when people were asked, and withdraw takes it back everywhere', async () => {
    const people = undecided();
    await using daemon = await startStubDaemon(people.answers);
    const request = await createClient(daemon).request(['prod/a']);
    expect(request.waiting).toMatchObject({ code: '47', approvers: ['ben', 'ada'] });
    await request.withdraw();
    await people.gone;
    await expect(request.await()).rejects.toThrow('withdrawn');
  });

  test('values that were taken are the caller’s: leaving wipes nothing of them', async () => {
    await using daemon = await startStubDaemon(giving);
    const request = await createClient(daemon).request(['prod/a']);
    const { values } = await request.await();
    await request.withdraw();
    expect(new TextDecoder().decode(values[0]?.bytes)).toBe(value);
  });

  test('values that came and that nobody took are not handed out after it was withdrawn', async () => {
    await using daemon = await startStubDaemon({ 'POST /v1/release': releasing({ 'prod/a': value }, 'lease') });
    const request = await createClient(daemon).request(['prod/a']);
    expect(request.waiting).toBeUndefined();
    await request.withdraw();
    await expect(request.await()).rejects.toThrow('withdrawn');
  });

  test('what fails before anybody is asked is thrown at once', async () => {
    await using daemon = await startStubDaemon({});
    await expect(createClient(daemon).request(['prod/a'])).rejects.toMatchObject({ code: 'not_found' });
  });
});

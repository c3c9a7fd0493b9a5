// The relay is blind: after a whole story nothing that has a meaning is found in its files, its logs or on its wire, in any encoding.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formsOf, tracesIn } from '../testing/traces.ts';
import { launchBrowser } from './harness/browser.ts';
import { newPerson } from './harness/person.ts';
import * as people from './story/person.ts';
import { freePort, run, startService, stillvault } from './story/programs.ts';
import { type Recorder, startRecorder } from './story/recorder.ts';

const story = {
  value: 'Zeppelin-Gate-4711-correct-horse',
  secret: 'prod/zeppelin-hangar',
  description: 'opens the hangar of the zeppelin',
  organisation: 'Orion Airship Works',
  member: 'Amelia Earhart',
  device: 'Amelias pocket phone',
  machine: 'hangar-builder-07',
  reason: 'rotate the mooring winch credentials',
  agent: 'mooring-agent',
  executable: process.execPath,
  argument: stillvault.at(-1) ?? '',
  folder: process.cwd(),
};
const dir = mkdtempSync(join(tmpdir(), 'sv-blind-'));
let recorder: Recorder;
let relayLog = '';
/** Read while it runs: the write-ahead log is there too. */
let relayFiles: readonly Uint8Array[] = [];

beforeAll(async () => {
  const socketPath = join(dir, 'run', 'd.sock');
  recorder = await startRecorder();
  recorder.target = freePort();
  await using relay = await startService([
    'relay',
    'serve',
    '--data',
    join(dir, 'relay'),
    '--port',
    String(recorder.target),
    '--public-url',
    recorder.url,
    '--signup',
    'open',
    '--log-level',
    'debug',
  ]);
  await using site = await startService(['console', 'serve', '--relay', recorder.url, '--port', String(freePort())]);
  await using _daemon = await startService(['daemon', '--state', join(dir, 'state'), '--socket', socketPath]);
  await using browser = await launchBrowser();
  await using amelia = await newPerson(browser, { name: 'amelia' });
  amelia.page.setDefaultTimeout(10_000);

  await people.createOrganisation(amelia, site.said['console'] ?? '', { org: story.organisation, me: story.member, device: story.device });
  const token = await people.machineToken(amelia);
  expect((await run(['join', '--no-wait', '--name', story.machine], { socketPath, stdin: token })).code).toBe(0);
  await people.shownWords(amelia);
  await people.admitMachine(amelia);

  const put = run(['put', story.secret, '--description', story.description], { socketPath, stdin: story.value });
  await people.openRequest(amelia, story.secret);
  await people.approve(amelia);
  expect((await put).code).toBe(0);
  await people.inboxIsQuiet(amelia);
  const asked = run(['get', story.secret, '--ttl', '15m', '--reason', story.reason, '--agent', story.agent], { socketPath });
  await people.openRequest(amelia, story.secret);
  await people.approve(amelia, '15 min');
  expect((await asked).out).toBe(story.value);
  expect((await run(['get', story.secret, '--lease-only'], { socketPath })).out).toBe(story.value);
  expect((await run(['lease', 'end', '--all'], { socketPath })).code).toBe(0);
  await people.inboxIsQuiet(amelia);
  const refused = run(['get', story.secret, '--reason', story.reason], { socketPath });
  await people.openRequest(amelia, story.secret);
  await people.deny(amelia);
  expect((await refused).code).toBe(10);
  relayLog = relay.output();
  relayFiles = readdirSync(join(dir, 'relay')).map((name) => new Uint8Array(readFileSync(join(dir, 'relay', name))));
}, 90_000);
afterAll(async () => {
  await recorder[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

describe('after a story of enrolment, put, approval, lease and denial', () => {
  test('nothing of it is in the relay’s database, WAL, log or traffic, in any encoding', () => {
    const closed = readdirSync(join(dir, 'relay')).map((name) => new Uint8Array(readFileSync(join(dir, 'relay', name))));
    const files = [...relayFiles, ...closed];
    expect(relayFiles.length).toBeGreaterThan(closed.length); // the write-ahead log and its index
    const places = { files, log: [new TextEncoder().encode(relayLog)], traffic: recorder.recorded() };
    expect(files.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(50_000);
    expect(places.traffic.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(100_000);
    expect(tracesOf(story, places)).toEqual([]);
  });

  test('nothing on the wire was compressed, where a search would miss it', () => {
    const headers = recorder.recorded().map((bytes) => Buffer.from(bytes).toString('latin1').toLowerCase());
    expect(headers.filter((text) => /\r\n(?:content-encoding|sec-websocket-extensions: permessage-deflate.*\r\n.*101)/.test(text))).toEqual([]);
  });

  test('the value is not in the daemon’s files either', () => {
    const files = readdirSync(join(dir, 'state')).map((name) => new Uint8Array(readFileSync(join(dir, 'state', name))));
    expect(tracesOf({ value: story.value }, { state: files })).toEqual([]);
  });

  test('the search would have found it: each form, in the middle of other bytes', () => {
    for (const [form, needle] of formsOf(story.value)) {
      const hidden = new Uint8Array(Buffer.concat([Buffer.from('before '), needle, Buffer.from(' after')]));
      expect(tracesOf({ value: story.value }, { here: [hidden] })).toContain(`value as ${form} in here`);
    }
    const state = readdirSync(join(dir, 'state')).map((name) => new Uint8Array(readFileSync(join(dir, 'state', name))));
    expect(tracesOf({ machine: story.machine }, { state })).not.toEqual([]); // its own name is in its own files
  });
});

/** `what as form in place` for every hit. */
function tracesOf(texts: Readonly<Record<string, string>>, places: Readonly<Record<string, readonly Uint8Array[]>>): readonly string[] {
  return Object.entries(places).flatMap(([place, pieces]) =>
    pieces.flatMap((piece) => tracesIn(piece, texts).map(({ what, form }) => `${what} as ${form} in ${place}`)),
  );
}

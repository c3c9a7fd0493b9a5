// No result of any tool holds a value (spec/13-mcp.md §masking): made-up values, through every tool, by programs and servers that say what they know.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { releasing } from '../testing/stub-daemon.ts';
import { type Host, eras, startDaemonStub, startHost } from './test-host.ts';

const reason = 'tell all';
const ref = '{{ stillvault://prod/db }}';
/** Echoes the value in every encoding that a shell has at hand, in pieces. */
const babble = `const v = process.env.S, b = Buffer.from(v); const say = (t) => { for (const c of t.match(/[^]{1,7}/g) ?? []) process.stdout.write(c); process.stderr.write(t + '\\n'); };
for (const e of ['utf8', 'hex', 'base64', 'base64url']) say(b.toString(e));
for (const p of ['', 'u', 'us', 'use']) say(Buffer.from(p + v + '!').toString('base64'));
say(JSON.stringify({ [v]: v })); say(encodeURIComponent(v)); say(String(new URLSearchParams({ v }))); process.exitCode = v.length % 256;`;

/** As plain as a model could read it. */
function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const whole = ['', 'u', 'us'].map((before) => {
    const first = Math.ceil((before.length * 4) / 3);
    return Buffer.from(`${before}${value}`)
      .toString('base64')
      .slice(first, Math.floor(((before.length + bytes.length) * 4) / 3));
  });
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    JSON.stringify(JSON.stringify(value).slice(1, -1)).slice(1, -1),
    encodeURIComponent(value),
    bytes.toString('hex'),
    bytes.toString('base64url'),
    ...whole,
  ];
}

for (const era of eras)
  describe(`INV-MCP-VALUE a client of ${era}`, () => {
    test('never reads a value, whatever it is', async () => {
      let value = '';
      await using server = Bun.serve({
        port: 0,
        hostname: '127.0.0.1',
        fetch: async (request) => {
          const text = `${decodeURIComponent(new URL(request.url).search)} ${await request.text()}`;
          return new Response(`${text} ${btoa(unescape(encodeURIComponent(text)))}`, { headers: { 'x-echo': encodeURIComponent(text) } });
        },
      });
      const here = `127.0.0.1:${server.port}`;
      await using stub = await startDaemonStub({ 'POST /v1/release': (ask) => releasing({ 'prod/db': value })(ask) }, { hosts: [here] });
      const calls = (host: Host): readonly (() => Promise<{ readonly whole: string }>)[] => [
        () => host.call('stillvault_run', { argv: [process.execPath, '-e', babble], env: { S: 'prod/db' }, reason }),
        () => host.call('stillvault_run', { argv: ['cat'], stdin: ref, reason }),
        () => host.call('stillvault_http', { method: 'POST', url: `http://${here}/?q=${ref}`, body: ref, reason }),
        () => host.call('stillvault_inject_file', { template: ref, reason }),
        () => host.call('stillvault_request', { refs: ['prod/db'], reason }),
        () => host.call('stillvault_list', { prefix: value.slice(0, 200) }),
        () => host.call('stillvault_run', { argv: [`/no/${value.replaceAll('\0', '')}`], reason }),
      ];
      const strings = fc.string({ minLength: 6, maxLength: 80, unit: fc.constantFrom(...Array.from('abcXYZ019+/=&%"\\\' \n\tæ€😀{}<>')) });
      await fc.assert(
        fc.asyncProperty(strings, async (text) => {
          value = `§${text}`;
          await using host = await startHost({ socketPath: stub.socketPath, era });
          for (const call of calls(host)) {
            const { whole } = await call();
            for (const form of formsOf(value)) expect(whole.includes(form)).toBe(false);
          }
        }),
        { numRuns: 6 },
      );
    });
  });

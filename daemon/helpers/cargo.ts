// cargo's credential provider, protocol 1: JSON lines (spec/14-helpers.md §cargo). What is published is what the approver reads.
import { z } from 'zod';
import type { StillvaultError } from '../../sdk/errors.ts';
import { usage } from '../cli/terminal/arguments.ts';
import { printable } from '../cli/terminal/text.ts';
import { askFor, endLeasesOf, leaseEndMs, loginOf } from './ask.ts';
import { tell, type Helper, type HelperCall } from './helper.ts';
import type { Entry } from './mapping.ts';
import { findExact, findUrl, urlOf } from './match.ts';

const text = z.string().max(2_048);
const request = z.object({
  v: z.literal(1),
  registry: z.object({ 'index-url': text, name: text.exactOptional() }),
  kind: z.string().max(64),
  operation: z.string().max(64).exactOptional(),
  name: text.exactOptional(),
  vers: text.exactOptional(),
  cksum: text.exactOptional(),
});
type Request = z.infer<typeof request>;
const maxLine = 65_536;

export const helper: Helper = {
  async run(call) {
    if (!call.words.includes('--cargo-plugin')) throw usage('cargo starts this with --cargo-plugin', 'stillvault helper install cargo');
    const say = (message: object): void => call.world.write(1, `${JSON.stringify(message)}\n`);
    say({ v: [1] });
    for await (const line of lines()) say(await answer(call, line));
    return 0;
  },
};

async function answer(call: HelperCall, line: string): Promise<object> {
  try {
    const asked = request.safeParse(parseJson(line));
    if (!asked.success) throw usage('cargo said something that is not of protocol 1');
    return await answerTo(call, asked.data);
  } catch (error) {
    return { Err: { kind: 'other', message: messageOf(tell(call, error)), 'caused-by': [] } }; // cargo stops: it asks no other provider
  }
}

async function answerTo(call: HelperCall, asked: Request): Promise<object> {
  const entry = await entryOf(call, asked);
  if (entry === undefined) return { Err: { kind: 'url-not-supported' } }; // cargo goes on to the next provider
  switch (asked.kind) {
    case 'get': {
      const released = await askFor(call, entry, reasonOf(asked));
      const { password } = loginOf(released, entry);
      const until = leaseEndMs(released);
      const cache = until === undefined ? { cache: 'never' } : { cache: 'expires', expiration: Math.floor(until / 1_000) };
      return { Ok: { kind: 'get', token: password, ...cache, operation_independent: false } };
    }
    case 'logout':
      await endLeasesOf(call, entry, 'cargo logout');
      return { Ok: { kind: 'logout' } };
    case 'login':
      throw usage('nothing was stored: a secret comes in through a person', `stillvault put ${entry.reference}`);
    default:
      return { Err: { kind: 'operation-not-supported' } };
  }
}

async function entryOf({ mapping }: HelperCall, { registry }: Request): Promise<Entry | undefined> {
  const entries = await mapping();
  const { name } = registry;
  const byName = name === undefined ? undefined : findExact(entries, 'cargo', name);
  if (byName !== undefined) return byName;
  try {
    return findUrl(entries, 'cargo', urlOf(registry['index-url']), undefined);
  } catch {
    return undefined;
  }
}

/** `cargo publish serde 1.0.2 to crates-io, sha256 ab12…` */
function reasonOf({ operation = 'read', name, vers, cksum, registry }: Request): string {
  const what = name === undefined ? '' : ` ${name}${vers === undefined ? '' : ` ${vers}`}`;
  const sum = cksum === undefined ? '' : `, sha256 ${cksum.slice(0, 16)}`;
  return `cargo ${operation}${what} at ${registry.name ?? registry['index-url']}${sum}`;
}

function messageOf({ code, message }: StillvaultError): string {
  return printable(`stillvault: ${code}: ${message}`);
}

async function* lines(): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of Bun.stdin.stream()) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > maxLine) throw usage(`cargo said more than ${maxLine} characters in one line`);
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      yield rest.slice(0, end);
      rest = rest.slice(end + 1);
    }
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

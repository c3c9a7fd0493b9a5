// `git credential-stillvault get|store|erase|capability` (gitcredentials(7); spec/14-helpers.md §git).
import { askFor, endLeasesOf, leaseEndMs, loginOf } from './ask.ts';
import { readText, requirePipe, tell, type Helper, type HelperCall } from './helper.ts';
import type { Entry } from './mapping.ts';
import { findUrl, urlOf } from './match.ts';

/** 65,535 bytes a line, a dozen of lines. */
const maxInput = 1_048_576;

export const helper: Helper = {
  async run(call) {
    const [operation] = call.words;
    if (operation === 'capability') call.world.write(1, 'version 0\ncapability authtype\n');
    if (operation === 'get') await get(call);
    if (operation === 'erase') await erase(call);
    return 0; // store has nothing to do, and what git learns to say later is not for us
  },
};

async function get(call: HelperCall): Promise<void> {
  try {
    requirePipe(call.world);
    const asked = parseAttributes(readText(call.world, maxInput));
    const entry = await entryOf(call, asked);
    if (entry === undefined) return; // not mine: git goes on to the next helper
    call.world.write(1, await answerOf(call, entry, asked));
  } catch (error) {
    tell(call, error);
    call.world.write(1, 'quit=1\n'); // neither another helper nor a prompt may stand in for a no
  }
}

async function answerOf(call: HelperCall, entry: Entry, asked: Attributes): Promise<string> {
  const released = await askFor(call, entry, `git: ${describe(asked)}`);
  const { username = asked.get('username'), password } = loginOf(released, entry);
  const until = leaseEndMs(released);
  const expiry = until === undefined ? [] : [`password_expiry_utc=${Math.floor(until / 1_000)}`];
  const lines =
    entry.authtype !== undefined && asked.has('capability[]=authtype')
      ? ['capability[]=authtype', `authtype=${entry.authtype}`, `credential=${password}`, 'ephemeral=1', ...expiry]
      : [...(username === undefined ? [] : [`username=${username}`]), `password=${password}`, ...expiry];
  return lines.map((line) => `${line}\n`).join('');
}

async function erase(call: HelperCall): Promise<void> {
  try {
    const asked = parseAttributes(readText(call.world, maxInput));
    const entry = await entryOf(call, asked);
    if (entry !== undefined) await endLeasesOf(call, entry, describe(asked));
  } catch (error) {
    tell(call, error); // git has failed already
  }
}

type Attributes = ReadonlyMap<string, string>;

/** Later lines win, as in git; of the lists only `capability[]=authtype` says something to us. */
function parseAttributes(text: string): Attributes {
  const attributes = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '') break;
    const equals = line.indexOf('=');
    if (equals < 1) continue;
    const key = line.slice(0, equals);
    if (key.endsWith('[]')) attributes.set(line, '');
    else attributes.set(key, line.slice(equals + 1));
  }
  return attributes;
}

async function entryOf({ mapping }: HelperCall, asked: Attributes): Promise<Entry | undefined> {
  const entries = await mapping();
  const host = asked.get('host');
  if (!asked.get('protocol') || !host) return undefined; // e.g. cert:///path
  // A path that no entry can name (`..`, a question mark) is still a path of its host: whose host it is decides.
  const url = urlIfAny(describe(asked)) ?? urlIfAny(`${asked.get('protocol') ?? ''}://${host}`);
  return url === undefined ? undefined : findUrl(entries, 'git', url, asked.get('username'));
}

function urlIfAny(text: string): string | undefined {
  try {
    return urlOf(text);
  } catch {
    return undefined;
  }
}

function describe(asked: Attributes): string {
  const path = asked.get('path');
  return `${asked.get('protocol') ?? ''}://${asked.get('host') ?? ''}${path === undefined || path === '' ? '' : `/${path}`}`;
}

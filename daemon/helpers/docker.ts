// `docker-credential-stillvault get|store|erase|list|version` (docker-credential-helpers; spec/14-helpers.md §docker).
import { StillvaultError } from '../../sdk/errors.ts';
import { usage } from '../cli/terminal/arguments.ts';
import { printable } from '../cli/terminal/text.ts';
import { askFor, endLeasesOf, loginOf } from './ask.ts';
import { readText, requirePipe, tell, type Helper, type HelperCall } from './helper.ts';
import type { Entry } from './mapping.ts';
import { findExact, normalise } from './match.ts';

/** The text by which docker's client knows that it may go on without credentials. Only for what is not ours. */
const notFound = 'credentials not found in native keychain';
const maxInput = 65_536;

export const helper: Helper = {
  async run(call) {
    const [operation = ''] = call.words;
    try {
      return (await (Object.hasOwn(operations, operation) ? operations[operation] : unknown)?.(call)) ?? 0;
    } catch (error) {
      const failure = tell(call, error);
      call.world.write(1, `stillvault: ${failureText(failure)}\n`); // docker reads errors from standard output
      return 1;
    }
  },
};

const operations: Readonly<Record<string, (call: HelperCall) => Promise<number>>> = {
  async get(call) {
    requirePipe(call.world);
    const server = readText(call.world, maxInput).trim();
    const entry = await entryOf(call, server);
    if (entry === undefined) {
      call.world.write(1, `${notFound}\n`);
      return 1;
    }
    const { username, password } = loginOf(await askFor(call, entry, `docker: ${server}`), entry);
    call.world.write(1, `${JSON.stringify({ ServerURL: server, Username: username ?? '<token>', Secret: password })}\n`);
    return 0;
  },
  async list(call) {
    const mine = (await call.mapping()).filter(({ kind }) => kind === 'docker');
    call.world.write(1, `${JSON.stringify(Object.fromEntries(mine.map(({ match, username }) => [match, username ?? '<token>'])))}\n`);
    return 0;
  },
  async erase(call) {
    const server = readText(call.world, maxInput).trim();
    const entry = await entryOf(call, server);
    if (entry !== undefined) await endLeasesOf(call, entry, `docker logout ${server}`);
    return 0;
  },
  // Unlike git's, docker's store is a person's `docker login`: a yes would make them believe that something was kept.
  async store(call) {
    readText(call.world, maxInput);
    throw new StillvaultError('usage', 'nothing was stored: a secret comes in through a person', {
      next: 'stillvault put <path>; stillvault helper map docker <registry> <path>',
    });
  },
  async version({ world }) {
    world.write(1, `docker-credential-stillvault (stillvault) ${world.version}\n`);
    return 0;
  },
};

async function unknown({ words }: HelperCall): Promise<number> {
  throw usage(`docker knows get, store, erase and list; not ${printable(words[0] ?? '')}`);
}

async function entryOf({ mapping }: HelperCall, server: string): Promise<Entry | undefined> {
  return findExact(await mapping(), 'docker', normalise('docker', server));
}

/** One line that docker does not take for its own not-found. */
function failureText({ code, message, next }: StillvaultError): string {
  return printable(`${code}: ${message}${next === undefined ? '' : `; next: ${next}`}`);
}

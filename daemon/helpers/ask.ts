// One ask of a helper: the release, and what of it the contract wants (spec/14-helpers.md §ask).
import type { ReleaseAsk } from '../../protocol/local-api.ts';
import { parseReference, type Released } from '../../sdk/client.ts';
import { usage } from '../cli/terminal/arguments.ts';
import { releasedNote } from '../cli/terminal/released.ts';
import { counted, printable } from '../cli/terminal/text.ts';
import { awaitPeople } from '../cli/terminal/waiting.ts';
import type { HelperCall } from './helper.ts';
import type { Terms } from './mapping.ts';

/** Asks for what the entry names. Aborting, or a signal, withdraws. Throws StillvaultError. */
export async function askFor(call: HelperCall, terms: Terms, reason: string, signal?: AbortSignal): Promise<Released> {
  const ask: ReleaseAsk = { items: [parseReference(terms.reference)], reason: claim(reason), ...leaseOf(terms) };
  const released = await awaitPeople(call, (waiting) =>
    call.client().release(ask, { ...waiting, signal: signal === undefined ? waiting.signal : AbortSignal.any([signal, waiting.signal]) }),
  );
  releasedNote(call.output, released, call.world.now());
  return released;
}

export function leaseOf({ ttlS, uses, scope, waitS }: Terms): Pick<ReleaseAsk, 'lease' | 'timeoutS'> {
  return {
    ...(ttlS === undefined ? {} : { lease: { ttlS, ...(uses === undefined ? {} : { uses }), ...(scope === undefined ? {} : { scope }) } }),
    ...(waitS === undefined ? {} : { timeoutS: waitS }),
  };
}

/** Names, prompts and hosts of other programs as one line that the daemon takes: what is not plain ASCII is shown as its number. */
export function claim(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`).trim();
  return plain.length <= 120 ? plain : `${plain.slice(0, 58)} ... ${plain.slice(-57)}`;
}

/** By field name; the one value of a secret without fields, and of a reference to one field, is at ''. */
export function textsOf(released: Released): ReadonlyMap<string, string> {
  const single = released.values.length === 1;
  return new Map(released.values.map(({ field, path, bytes }) => [single ? '' : (field ?? ''), textOf(bytes, path)]));
}

/** Without the newline that `echo` leaves. Throws usage where the value is no line of text. */
function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch {
    throw usage(`the value of ${path} is no text, which this program needs`);
  } finally {
    bytes.fill(0);
  }
}

/** For contracts of lines. Throws usage. */
export function oneLine(value: string, reference: string): string {
  if (/[\0\r\n]/.test(value)) throw usage(`the value of ${reference} has several lines, which this program cannot take`);
  if (value === '') throw usage(`the value of ${reference} is empty`);
  return value;
}

const passwordFields = ['password', 'token', 'secret'];
const usernameFields = ['username', 'user', 'login'];

/** The user name of the mapping or of a field, the password of the only value or of a field. Throws usage. */
export function loginOf(released: Released, { reference, username }: Terms): { readonly username: string | undefined; readonly password: string } {
  const texts = textsOf(released);
  const of = (names: readonly string[]): string | undefined => names.map((name) => texts.get(name)).find((value) => value !== undefined);
  const password = texts.get('') ?? of(passwordFields);
  if (password === undefined)
    throw usage(
      `${reference} has the fields ${[...texts.keys()].join(', ')}: none is called ${passwordFields.join(', ')}`,
      `name one in the mapping: ${reference}#<field>`,
    );
  const user = username ?? of(usernameFields);
  return { username: user === undefined ? undefined : oneLine(user, reference), password: oneLine(password, reference) };
}

/** When what was released must not be used any more; undefined where it was once. */
export function leaseEndMs({ lease }: Released): number | undefined {
  return lease === undefined ? undefined : Date.parse(lease.until);
}

/** The calling program says that the value does not work: its leases end, and a person is told what to do. Never throws. */
export async function endLeasesOf({ client, output }: HelperCall, { reference }: Terms, who: string): Promise<void> {
  const { path } = parseReference(reference);
  let ended = 0;
  try {
    const daemon = client();
    for (const { id, paths } of await daemon.leases())
      if (paths.some((leased) => leased.split('#')[0] === path)) ended += (await daemon.endLease({ id })).length;
  } catch {
    // no daemon holds no lease
  }
  output.note(
    `stillvault: ${printable(who)} refused ${reference}; ${ended === 0 ? 'no lease was live' : `ended ${counted(ended, 'lease')}`}. Is it old? stillvault put ${path}`,
  );
}

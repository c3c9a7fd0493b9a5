// `stillvault helper map|unmap|ls`: which secret is meant by which host, key or name (spec/14-helpers.md §mapping). Names, never values.
import { parseReference } from '../../sdk/client.ts';
import { askFrom } from '../cli/get.ts';
import { parseArguments, usage } from '../cli/terminal/arguments.ts';
import { nearest } from '../cli/terminal/nearest.ts';
import { counted, durationText, printable, table } from '../cli/terminal/text.ts';
import type { Helper } from './helper.ts';
import { kinds, mappingPath, readIfThere, saveMapping, type Entry, type Kind } from './mapping.ts';
import { normalise } from './match.ts';
import { namedOptions } from './named.ts';
import { parsePublicKey } from './public-key.ts';

export const map: Helper = {
  async run({ words, world, output, mapping }) {
    const { secret: _named, ...terms } = namedOptions;
    const args = parseArguments(words, {
      ...terms,
      username: { about: 'the user name that goes with it', takes: 'NAME' },
      authtype: { about: 'git: send the value with this scheme, such as Bearer', takes: 'SCHEME' },
    });
    const [kindText, what, reference, ...more] = args.operands;
    if (reference === undefined || what === undefined || more.length > 0)
      throw usage('which? such as: stillvault helper map git https://github.com prod/github#token', 'stillvault helper --help');
    const kind = kindOf(kindText);
    const { lease, timeoutS } = askFrom(args);
    const [username, authtype] = [args.text('username'), args.text('authtype')];
    const { path, field } = parseReference(reference);
    const entry: Entry = {
      kind,
      match: matchOf(kind, what),
      reference: field === undefined ? path : `${path}#${field}`,
      ...(username === undefined ? {} : { username }),
      ...(authtype === undefined ? {} : { authtype }),
      ...(lease === undefined
        ? {}
        : { ttlS: lease.ttlS, ...(lease.uses === undefined ? {} : { uses: lease.uses }), ...(lease.scope && { scope: lease.scope }) }),
      ...(timeoutS === undefined ? {} : { waitS: timeoutS }),
    };
    const rest = (await mapping()).filter((known) => !isSame(known, entry));
    saveMapping(world.env, [...rest, entry]);
    output.note(`${kind} ${printable(entry.match)} → ${printable(entry.reference)} in ${mappingPath(world.env)}`);
    if (output.json) output.jsonLine(entry);
    return 0;
  },
};

export const unmap: Helper = {
  async run({ words, world, output, mapping }) {
    const args = parseArguments(words, { username: { about: 'only the entry of this user', takes: 'NAME' } });
    const [kindText, what, ...more] = args.operands;
    if (what === undefined || more.length > 0) throw usage('which? its kind and what it matches', 'stillvault helper ls');
    const kind = kindOf(kindText);
    const match = matchOf(kind, what);
    const entries = await mapping();
    const username = args.text('username');
    const left = entries.filter((entry) => entry.kind !== kind || entry.match !== match || (username !== undefined && entry.username !== username));
    if (left.length === entries.length) throw usage(`nothing is mapped for ${printable(match)}`, 'stillvault helper ls');
    saveMapping(world.env, left);
    output.note(`removed ${counted(entries.length - left.length, 'entry').replace('entrys', 'entries')}`);
    return 0;
  },
};

export const listMapped: Helper = {
  async run({ words, output, mapping }) {
    if (parseArguments(words, {}).operands.length > 0) throw usage('helper ls takes nothing');
    const entries = await mapping();
    if (output.json) output.jsonLine(entries);
    else
      output.data(
        table(
          entries.map((entry) => [entry.kind, printable(short(entry.match)), printable(entry.reference), printable(entry.username ?? ''), termsText(entry)]),
        ),
      );
    if (entries.length === 0) output.note('nothing is mapped: stillvault helper map <kind> <what> <reference>');
    return 0;
  },
};

function kindOf(text: string | undefined): Kind {
  const kind = kinds.find((known) => known === text);
  if (kind !== undefined) return kind;
  const near = nearest(text ?? '', kinds);
  throw usage(`no kind of helper: ${printable(text ?? '')}${near === undefined ? '' : `; did you mean ${near}?`}`, `one of ${kinds.join(', ')}`);
}

/** Of an SSH key its public half, also from its file. Throws usage. */
function matchOf(kind: Kind, what: string): string {
  if (kind !== 'ssh-agent') return normalise(kind, what);
  const text = what.includes(' ') ? what : readIfThere(what);
  if (text === undefined) throw usage(`no such file: ${printable(what)}`, 'give the .pub file of the key, or its line in quotes');
  return parsePublicKey(text).line;
}

function isSame(a: Entry, b: Entry): boolean {
  const key = ({ kind, match }: Entry): string => (kind === 'ssh-agent' ? match.split(' ').slice(0, 2).join(' ') : match);
  return a.kind === b.kind && key(a) === key(b) && (a.username === b.username || (b.kind !== 'git' && b.kind !== 'keyring'));
}

function short(match: string): string {
  return match.length <= 60 ? match : `${match.slice(0, 28)}…${match.slice(-28)}`;
}

function termsText({ ttlS, uses, scope, waitS }: Entry): string {
  return [
    ...(ttlS === undefined ? ['once'] : [`lease ${durationText(ttlS)}`]),
    ...(uses === undefined ? [] : [counted(uses, 'use')]),
    ...(scope === undefined ? [] : [scope]),
    ...(waitS === undefined ? [] : [`wait ${durationText(waitS)}`]),
  ].join(', ');
}

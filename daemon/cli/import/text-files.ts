// Files whose lines can hold a reference in the place of a value: dotenv, AWS credentials, npm, git-credentials (spec/19-import.md §rewrite).
import { quoted } from '../up/launcher.ts';
import { parseDotenv } from '../plaintext/dotenv.ts';
import { judge, isPlaceholder } from '../plaintext/judge.ts';
import type { Candidate, Edit, Piece, Slot, Source, Target } from './source.ts';

/** As in protocol/limits.ts: items of one request. */
const maxReferences = 16;

export function dotenvSource(text: string): Source {
  const { values, others } = parseDotenv(text);
  const places = new Map<Candidate, (typeof values)[number]>();
  for (const found of values) {
    const { name, value, line, unsure } = found;
    if (value === '' || value.startsWith('stillvault://')) continue;
    const judged = judge(name, value);
    const why = judged === undefined ? 'looks like no secret' : (unsure ?? judged.what);
    places.set({ segments: [name], line, content: { kind: 'value', value }, why, isTaken: judged !== undefined && unsure === undefined }, found);
  }
  const references = values.filter(({ value }) => value.startsWith('stillvault://')).length + [...places.keys()].filter(({ isTaken }) => isTaken).length;
  return {
    candidates: [...places.keys()],
    rewrite: (chosen) =>
      editsOf(chosen, places, ({ value, from, to }, target) => {
        const raw = text.slice(from, to);
        // Quotes stay; a # in a bare value would begin a comment.
        const quote = /^["']/.exec(raw)?.[0] ?? (target.field === undefined ? '' : '"');
        return { from, to, text: `${quote}${referenceTo(target)}${quote}`, was: piecesOf(raw, value, target) };
      }),
    next: () => ['stillvault run --env-file FILE -- program'],
    notes: [
      ...(others.length === 0 ? [] : [`line ${others.slice(0, 5).join(', ')}: not NAME=value, left as it is`]),
      ...(references > maxReferences
        ? [`up to ${references} references: stillvault run takes ${maxReferences} in one request; split the file, or take fewer with --only`]
        : []),
    ],
  };
}

/** `was` of one value with its quotes: exactly the same bytes where a form gives them, else the same value in double quotes. */
function piecesOf(raw: string, value: string, target: Target): readonly Piece[] {
  const quote = raw.charAt(0);
  if (raw === value) return [slot(target, 'raw')];
  if ((quote === "'" || quote === '"') && raw === `${quote}${value}${quote}`) return [quote, slot(target, 'raw'), quote];
  return ['"', slot(target, 'double'), '"'];
}

/** Values of a profile become the fields that `stillvault helper aws` takes. */
export function awsSource(text: string, program: string): Source {
  interface Profile {
    readonly name: string;
    readonly lines: { readonly key: string; readonly value: string; readonly from: number; readonly to: number; readonly line: number }[];
  }
  const profiles: Profile[] = [];
  for (const { words, from, line } of linesOf(text)) {
    const header = /^\s*\[\s*(?:profile\s+)?([^\]]+?)\s*\]/.exec(words)?.[1];
    if (header !== undefined) profiles.push({ name: header, lines: [] });
    const [, before = '', key, value] = /^((aws_access_key_id|aws_secret_access_key|aws_session_token)\s*=\s*)(\S+)\s*$/i.exec(words) ?? [];
    if (key === undefined || value === undefined) continue;
    profiles
      .at(-1)
      ?.lines.push({ key: key.toLowerCase().replace(/^aws_/, ''), value, from: from + before.length, to: from + before.length + value.length, line });
  }
  const places = new Map<Candidate, Profile>();
  for (const profile of profiles) {
    const fields = Object.fromEntries(profile.lines.map(({ key, value }) => [key, value]));
    const secret = fields['secret_access_key'];
    const isTwice = Object.keys(fields).length < profile.lines.length; // which of them counts, only the program knows
    if (secret === undefined || fields['access_key_id'] === undefined || isPlaceholder(secret) || isTwice) continue;
    places.set(
      { segments: ['aws', profile.name], line: profile.lines[0]?.line ?? 1, content: { kind: 'fields', fields }, why: 'AWS keys', isTaken: true },
      profile,
    );
  }
  return {
    candidates: [...places.keys()],
    rewrite: (chosen) =>
      editsOf(chosen, places, ({ lines }, target) => {
        // One span from the first key's line to the end of the last: the settings between them stay, in front.
        const [first, last] = [lines[0], lines.at(-1)];
        if (first === undefined || last === undefined) return undefined;
        const from = text.lastIndexOf('\n', first.from) + 1;
        const was: Piece[] = [];
        const kept: string[] = [];
        let at = from;
        for (const { key, from: start, to } of lines) {
          const lineStart = text.lastIndexOf('\n', start) + 1;
          was.push(text.slice(at, start), { path: target.path, field: key, form: 'raw' });
          kept.push(text.slice(at, lineStart).replace(/^[^\S\n]*\r?\n/, ''));
          at = to;
        }
        return { from, to: last.to, text: `${kept.join('')}credential_process = ${program} helper aws --secret ${referenceTo(target)}`, was };
      }),
    next: () => ['aws sts get-caller-identity asks a person now'],
  };
}

/** npm replaces `${NAME}` itself, and `run -e` fills it. */
export function npmSource(text: string): Source {
  const places = new Map<Candidate, { readonly from: number; readonly to: number; readonly value: string; readonly variable: string }>();
  for (const { words, from, line } of linesOf(text)) {
    const [, before, host = '', key, value] = /^(\s*(?:\/\/([^\s=]{1,300}?)\/?:)?(_authToken|_auth|_password)\s*=\s*)([^\s"'$]\S*)\s*$/.exec(words) ?? [];
    if (before === undefined || key === undefined || value === undefined || isPlaceholder(value)) continue;
    const name = host === '' ? 'default' : host;
    const variable = `NPM_${key.slice(1).replace(/[A-Z]/g, (char) => `_${char}`)}_${name}`.toUpperCase().replace(/[^A-Z0-9]+/g, '_');
    const start = from + before.length;
    places.set(
      {
        segments: ['npm', name, ...(key === '_authToken' ? [] : [key.slice(1)])],
        line,
        content: { kind: 'value', value },
        why: 'registry token',
        isTaken: true,
      },
      { from: start, to: start + value.length, value, variable },
    );
  }
  return {
    candidates: [...places.keys()],
    rewrite: (chosen) => editsOf(chosen, places, ({ from, to, variable }, target) => ({ from, to, text: `\${${variable}}`, was: [slot(target, 'raw')] })),
    next: (chosen) => [
      `stillvault run ${[...chosen].flatMap(([candidate, target]) => (places.has(candidate) ? [`-e ${places.get(candidate)?.variable ?? ''}=${plainReference(target)}`] : [])).join(' ')} -- npm …`,
    ],
  };
}

/** The lines go: what asks in their place is the helper. */
export function gitSource(text: string): Source {
  const places = new Map<
    Candidate,
    { readonly from: number; readonly to: number; readonly was: (target: Target) => readonly Piece[]; readonly url: string; readonly user: string }
  >();
  for (const { words, from, next, line } of linesOf(text)) {
    const [, before, scheme = '', user = '', secret = '', host = '', path = '', after = ''] =
      /^(([a-z][a-z0-9+.-]*):\/\/([^:@/\s]*):)([^/\s]+)@([^@/\s]+)(\/\S*)?(\s*)$/i.exec(words) ?? [];
    const value = decoded(secret);
    if (before === undefined || value === undefined || isPlaceholder(value)) continue;
    const form = secret === value ? 'raw' : encodeURIComponent(value) === secret ? 'url' : undefined;
    if (form === undefined) continue;
    const rest = `@${host}${path}${after}${text.slice(from + words.length, next)}`;
    const candidate: Candidate = {
      segments: ['git', host, ...(user === '' ? [] : [decoded(user) ?? user])],
      line,
      content: { kind: 'value', value },
      why: 'git credential',
      isTaken: true,
    };
    places.set(candidate, {
      from,
      to: next,
      url: `${scheme}://${host}${path}`,
      user: decoded(user) ?? user,
      was: (target) => [before, slot(target, form), rest],
    });
  }
  return {
    candidates: [...places.keys()],
    rewrite: (chosen) => editsOf(chosen, places, ({ from, to, was }, target) => ({ from, to, text: '', was: was(target) })),
    next: (chosen) => [
      ...[...chosen].flatMap(([candidate, target]) => {
        const place = places.get(candidate);
        return place === undefined
          ? []
          : [
              `stillvault helper map git ${quotedIfNeeded(place.url)} ${plainReference(target)}${place.user === '' ? '' : ` --username ${quotedIfNeeded(place.user)}`}`,
            ];
      }),
      'stillvault helper install git',
    ],
  };
}

function editsOf<Place>(
  chosen: ReadonlyMap<Candidate, Target>,
  places: ReadonlyMap<Candidate, Place>,
  edit: (place: Place, target: Target) => Edit | undefined,
): readonly Edit[] {
  return [...chosen].flatMap(([candidate, target]) => {
    const place = places.get(candidate);
    const made = place === undefined ? undefined : edit(place, target);
    return made === undefined ? [] : [made];
  });
}

export function referenceTo(target: Target): string {
  return `stillvault://${plainReference(target)}`;
}
export function plainReference({ path, field }: Target): string {
  return field === undefined ? path : `${path}#${field}`;
}

function slot({ path, field }: Target, form: Slot['form']): Slot {
  return { path, ...(field === undefined ? {} : { field }), form };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export function quotedIfNeeded(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : quoted(text);
}

function* linesOf(text: string): Generator<{ readonly words: string; readonly from: number; readonly next: number; readonly line: number }> {
  for (let [from, line] = [0, 1]; from < text.length; line++) {
    const end = text.indexOf('\n', from);
    const next = end < 0 ? text.length : end + 1;
    const words = text.slice(from, end < 0 ? text.length : end);
    yield { words: words.endsWith('\r') ? words.slice(0, -1) : words, from, next, line };
    from = next;
  }
}

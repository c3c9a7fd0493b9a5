// kubeconfig: the token or client key of a user becomes an exec plugin in its place (spec/19-import.md §rewrite, 14-helpers.md §answers).
import { z } from 'zod';
import { isPlaceholder } from '../plaintext/judge.ts';
import { lineAt } from '../plaintext/spots.ts';
import { type Candidate, type Content, type Edit, type Slot, type Source, type Target, malformed } from './source.ts';
import { referenceTo } from './text-files.ts';
import { parseTree } from './trees.ts';

const config = z.looseObject({
  users: z
    .array(
      z.looseObject({
        name: z.string().max(1_000),
        user: z
          .looseObject({ token: z.unknown().optional(), 'client-certificate-data': z.unknown().optional(), 'client-key-data': z.unknown().optional() })
          .nullish(),
      }),
    )
    .max(1_000),
});

/** A line of its own that holds the value. */
interface Line {
  readonly from: number;
  readonly to: number;
  readonly indent: string;
  readonly eol: string;
  /** What stands around the value. */
  readonly before: string;
  readonly behind: string;
}

export function kubeconfigSource(text: string, program: string): Source {
  const parsed = config.safeParse(parseTree(text, 'YAML'));
  if (!parsed.success) throw malformed('E_IMPORT_FORMAT', 'this is no kubeconfig with users');
  const edits = new Map<Candidate, (target: Target) => readonly Edit[]>();
  const notes: string[] = [];
  for (const { name, user } of parsed.data.users) {
    const [token, certificate, key] = [user?.token, user?.['client-certificate-data'], user?.['client-key-data']];
    const add = (content: Content, line: Line, edit: (target: Target) => readonly Edit[]): void =>
      void edits.set(
        { segments: ['kube', name], line: lineAt(text, line.from), content, why: content.kind === 'value' ? 'token' : 'client key', isTaken: true },
        edit,
      );
    if (typeof token === 'string' && !isPlaceholder(token)) {
      const line = lineOf(text, 'token', token);
      if (line === undefined) notes.push(unclear(name));
      else add({ kind: 'value', value: token }, line, (target) => [execEdit(line, target, program, slotFor(target, undefined, 'raw'))]);
    } else if (typeof key === 'string' && typeof certificate === 'string') {
      const [first, second] = [lineOf(text, 'client-certificate-data', certificate), lineOf(text, 'client-key-data', key)];
      const fields = { client_certificate: fromBase64(certificate), client_key: fromBase64(key) };
      if (first === undefined || second === undefined || fields.client_certificate === undefined || fields.client_key === undefined) notes.push(unclear(name));
      else
        add({ kind: 'fields', fields: { client_certificate: fields.client_certificate, client_key: fields.client_key } }, first, (target) => [
          execEdit(first, target, program, slotFor(target, 'client_certificate', 'base64')),
          { from: second.from, to: second.to, text: '', was: [second.before, slotFor(target, 'client_key', 'base64'), second.behind] },
        ]);
    }
  }
  return {
    candidates: [...edits.keys()],
    rewrite: (chosen) => [...chosen].flatMap(([candidate, target]) => edits.get(candidate)?.(target) ?? []),
    next: () => ['kubectl asks a person now; ask for a lease with --ttl 15m among the args, or each call asks'],
    notes,
  };
}

const unclear = (name: string): string => `user ${name}: the value is not on a line of its own, or stands twice; stays as it is`;

/** Undefined where it is on no such line, or on more than one. */
function lineOf(text: string, key: string, value: string): Line | undefined {
  if (text.indexOf(value) !== text.lastIndexOf(value)) return undefined;
  const found = new RegExp(`^((\\s*)${key}:[ \\t]*(["']?))${RegExp.escape(value)}(\\3[ \\t]*(\\r?\\n|$))`, 'm').exec(text);
  const [all = '', before = '', indent = '', , behind = '', eol = ''] = found ?? [];
  return found === null ? undefined : { from: found.index, to: found.index + all.length, indent, eol, before, behind };
}

function execEdit({ from, to, indent, eol, before, behind }: Line, target: Target, program: string, slot: Slot): Edit {
  const end = eol === '' ? '\n' : eol;
  const lines = [
    'exec:',
    '  apiVersion: client.authentication.k8s.io/v1',
    '  command: sh',
    `  args: ["-c", ${JSON.stringify(`exec ${program} helper kubectl --secret ${referenceTo(target)} "$@"`)}, "sh"]`,
    '  interactiveMode: Never',
    '  provideClusterInfo: true',
  ];
  return { from, to, text: lines.map((line) => indent + line).join(end) + eol, was: [before, slot, behind] };
}

function slotFor({ path }: Target, field: string | undefined, form: Slot['form']): Slot {
  return { path, ...(field === undefined ? {} : { field }), form };
}

/** Undefined where encoding it again would give another text. */
function fromBase64(text: string): string | undefined {
  const plain = Buffer.from(text, 'base64').toString('utf8');
  return Buffer.from(plain).toString('base64') === text ? plain : undefined;
}

// New values one after the other, stored together like any other versions, then --after for each; how far it came is kept (spec/20-rotate.md §walk).
import type { SecretSummary } from '../../../protocol/local-api.ts';
import type { Client, Released, Stored, Value } from '../../../sdk/client.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import { batchesOf, patiently, putTogether } from '../put/batches.ts';
import { usage } from '../terminal/arguments.ts';
import type { Call } from '../terminal/command.ts';
import { Interrupted, toStillvaultError } from '../terminal/output.ts';
import { promptTwice } from '../terminal/prompt.ts';
import { releasedNote } from '../terminal/released.ts';
import { counted, printable } from '../terminal/text.ts';
import { awaitPeople } from '../terminal/waiting.ts';
import { type NewValue, runAfter, runHook } from './hooks.ts';
import type { Step, Walk, WalkRecord } from './record.ts';

/** Where new values come from. */
export interface Source {
  /** Before the first question about a path. */
  readonly load: () => Promise<void>;
  readonly isRekey: boolean;
  readonly passOld: boolean;
  readonly keepNewline: boolean;
  readonly commandOf: (path: string) => string | undefined;
  readonly after: string | undefined;
  readonly hookTimeoutMs: number;
  readonly terms: { readonly timeoutS?: number };
  readonly wordsOf: (secret: SecretSummary) => string;
}

/** After these nothing else would go better. */
const ending: ReadonlySet<string> = new Set(['unreachable', 'daemon_not_running', 'not_enrolled']);

/** How many values are held here at once, until a writer has decided. */
const together = 64;

/** 0: all are renewed. 1: some are not; the same command goes on with them. Throws Interrupted. */
export async function walkAll(call: Call, start: Walk, known: ReadonlyMap<string, SecretSummary>, source: Source, record: WalkRecord): Promise<number> {
  const { output } = call;
  const steps = new Map(start.steps.map((step) => [step.path, step]));
  const stepOf = ({ path }: SecretSummary): Step => steps.get(path) ?? { path, from: 0, state: 'open' };
  const keep = (step: Step): void => {
    steps.set(step.path, step);
    record.write({ ...start, steps: [...steps.values()] });
  };
  record.write(start);
  const work = createWork(call, source);
  let isOver = false;
  const failed = ({ path }: SecretSummary, thrown: unknown): void => {
    const error = toStillvaultError(thrown);
    if (error instanceof Interrupted) throw error;
    if (output.json) output.jsonLine({ event: 'failed', path, code: error.code, message: error.message, detail: error.detail });
    else output.note(`${output.style.red('not renewed')} ${printable(path)}: ${printable(error.message)}`);
    isOver ||= ending.has(error.code);
  };
  const left = [...known.values()].filter(({ path }) => steps.has(path) && steps.get(path)?.state !== 'done');
  for (let at = 0; at < left.length && !isOver; at += together) {
    const these = left.slice(at, at + together);
    const made: Made[] = [];
    try {
      for (const secret of these.filter((one) => stepOf(one).state === 'open')) {
        output.note(`${left.indexOf(secret) + 1} of ${left.length} · ${printable(secret.path)}`);
        await work.make(secret).then(
          (content) => made.push({ secret, content }),
          (error: unknown) => failed(secret, error),
        );
        if (isOver) break;
      }
      for (const batch of batchesOf(made, sizeOf)) {
        if (isOver) break;
        await work
          .store(batch, ({ path }) => keep({ ...(steps.get(path) ?? { path, from: 0 }), state: 'stored' }))
          .catch((error: unknown) => batch.forEach(({ secret }) => stepOf(secret).state === 'open' && failed(secret, error)));
      }
    } finally {
      for (const { content } of made) bytesIn(content).forEach((bytes) => bytes.fill(0));
    }
    for (const secret of these.filter((one) => stepOf(one).state === 'stored')) {
      const step = stepOf(secret);
      await work.after(secret, step).then(
        () => keep({ ...step, state: 'done' }),
        (error: unknown) => failed(secret, error),
      );
    }
  }
  return summary(call, [...steps.values()], record);
}

interface Made {
  readonly secret: SecretSummary;
  readonly content: NewValue;
}
const bytesIn = (content: NewValue): readonly Uint8Array[] => ('value' in content ? [content.value] : Object.values(content.fields));
const sizeOf = ({ content }: Made): number => bytesIn(content).reduce((sum, { length }) => sum + length + 64, 0);

function summary({ output }: Call, steps: readonly Step[], record: WalkRecord): number {
  const left = steps.filter(({ state }) => state !== 'done').map(({ path }) => path);
  if (left.length === 0) record.remove();
  if (output.json) output.jsonLine({ event: 'summary', renewed: steps.length - left.length, left });
  else output.note(`renewed ${steps.length - left.length} of ${counted(steps.length, 'secret')}`);
  if (left.length > 0)
    output.note(`left: ${left.slice(0, 5).map(printable).join(', ')}${left.length > 5 ? ` and ${left.length - 5} more` : ''}; next: the same command again`);
  return left.length === 0 ? 0 : 1;
}

interface Work {
  make(secret: SecretSummary): Promise<NewValue>;
  store(made: readonly Made[], onStored: (stored: Stored) => void): Promise<void>;
  after(secret: SecretSummary, step: Step): Promise<void>;
}

function createWork(call: Call, source: Source): Work {
  const daemon = call.client();
  const about = ({ path, version, fields, exposed }: SecretSummary, now = version): Record<string, string> => ({
    STILLVAULT_PATH: path,
    STILLVAULT_VERSION: String(now),
    STILLVAULT_REASON: exposed ?? 'asked',
    STILLVAULT_FIELDS: fields.join(' '),
  });

  async function make(secret: SecretSummary): Promise<NewValue> {
    if (source.isRekey) return contentOf(await read(call, daemon, secret.path, 'the same value under new keys', source));
    const command = source.commandOf(secret.path);
    if (command === undefined) return typed(call, secret);
    const old = source.passOld ? await read(call, daemon, secret.path, 'for the hook that makes the next value', source) : undefined;
    const bytes = old && bytesOf(old);
    try {
      return await runHook(call.world, {
        command,
        about: about(secret),
        fields: secret.fields,
        old: bytes,
        timeoutMs: source.hookTimeoutMs,
        keepNewline: source.keepNewline,
      });
    } finally {
      bytes?.fill(0);
      for (const value of old?.values ?? []) value.bytes.fill(0);
    }
  }

  return {
    make,
    store: (made, onStored) =>
      putTogether(
        call,
        daemon,
        made.map(({ secret: { path }, content }) => ({ path, ...content })),
        source.terms,
        onStored,
      ),
    async after(secret, { from }) {
      if (source.after === undefined) return;
      await runAfter(call.world, { command: source.after, about: about(secret, from + 1), timeoutMs: source.hookTimeoutMs }).catch((error: unknown) => {
        if (error instanceof Interrupted) throw error;
        throw new StillvaultError('error', 'the new version is stored, but --after failed', { cause: error, detail: 'E_HOOK' });
      });
    },
  };
}

/** Every value of it, by an approved release. */
async function read(call: Call, daemon: Client, path: string, reason: string, { terms }: Source): Promise<Released> {
  const released = await patiently(call, () =>
    awaitPeople(call, (waiting) => daemon.release({ items: [{ path }], reason: `rotate: ${reason}`, ...terms }, waiting)),
  );
  releasedNote(call.output, released, call.world.now());
  return released;
}

function contentOf({ values }: Released): NewValue {
  const [first] = values;
  if (first && first.field === undefined) return { value: first.bytes };
  return { fields: Object.fromEntries(values.map(({ field = '', bytes }: Value) => [field, bytes])) };
}

function bytesOf({ values }: Released): Uint8Array {
  const [first] = values;
  if (first && first.field === undefined) return first.bytes;
  return new TextEncoder().encode(JSON.stringify(Object.fromEntries(values.map(({ field = '', bytes }) => [field, new TextDecoder().decode(bytes)]))));
}

async function typed({ world, output }: Call, { path, fields }: SecretSummary): Promise<NewValue> {
  if (!world.isTerminal(0) || output.noInput) throw usage(`no hook fits ${printable(path)}, and there is nobody to ask`, '--hook or --hooks; or --rekey');
  const ask = async (what: string): Promise<Uint8Array> => {
    const bytes = await promptTwice(world, what);
    if (bytes.length === 0) throw usage(`${what} is empty: nothing is stored`);
    return bytes;
  };
  if (fields.length === 0) return { value: await ask(`new value of ${printable(path)}`) };
  const given: [string, Uint8Array][] = [];
  for (const field of fields) given.push([field, await ask(`new ${printable(field)} of ${printable(path)}`)]);
  return { fields: Object.fromEntries(given) };
}

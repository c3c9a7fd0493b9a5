// One secret after the other: a new value, stored like any other version, then --after; how far it came is kept (spec/20-rotate.md §walk).
import type { SecretSummary } from '../../../protocol/local-api.ts';
import type { Client, Released, Value } from '../../../sdk/client.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import { patiently, putPatiently } from '../put/patient.ts';
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

/** 0: all are renewed. 1: some are not; the same command goes on with them. Throws Interrupted. */
export async function walkAll(call: Call, start: Walk, known: ReadonlyMap<string, SecretSummary>, source: Source, record: WalkRecord): Promise<number> {
  const { output } = call;
  const steps = [...start.steps];
  const keep = (at: number, step: Step): void => {
    steps[at] = step;
    record.write({ ...start, steps });
  };
  record.write(start);
  const one = createStep(call, source);
  const failed: StillvaultError[] = [];
  for (const [at, step] of steps.entries()) {
    const secret = known.get(step.path);
    if (step.state === 'done' || !secret) continue;
    output.note(`${at + 1} of ${steps.length} · ${printable(step.path)}`);
    try {
      if (step.state === 'open') {
        const stored = await one.store(secret);
        if (output.json) output.jsonLine({ event: 'stored', ...stored });
        else output.note(`stored ${printable(stored.path)} version ${stored.version}, countersigned by ${printable(stored.by)}`);
        keep(at, { ...step, state: 'stored' });
      }
      await one.after(secret, step);
      keep(at, { ...step, state: 'done' });
    } catch (thrown) {
      const error = toStillvaultError(thrown);
      if (error instanceof Interrupted) throw error;
      failed.push(error);
      if (output.json) output.jsonLine({ event: 'failed', path: step.path, code: error.code, message: error.message, detail: error.detail });
      else output.note(`${output.style.red('not renewed')} ${printable(step.path)}: ${printable(error.message)}`);
      if (ending.has(error.code)) break;
    }
  }
  return summary(call, steps, record);
}

function summary({ output }: Call, steps: readonly Step[], record: WalkRecord): number {
  const left = steps.filter(({ state }) => state !== 'done').map(({ path }) => path);
  if (left.length === 0) record.remove();
  if (output.json) output.jsonLine({ event: 'summary', renewed: steps.length - left.length, left });
  else output.note(`renewed ${steps.length - left.length} of ${counted(steps.length, 'secret')}`);
  if (left.length > 0)
    output.note(`left: ${left.slice(0, 5).map(printable).join(', ')}${left.length > 5 ? ` and ${left.length - 5} more` : ''}; next: the same command again`);
  return left.length === 0 ? 0 : 1;
}

interface StepWork {
  store(secret: SecretSummary): Promise<{ readonly path: string; readonly version: number; readonly by: string }>;
  after(secret: SecretSummary, step: Step): Promise<void>;
}

function createStep(call: Call, source: Source): StepWork {
  const daemon = call.client();
  const about = ({ path, version, fields, exposed }: SecretSummary, now = version): Record<string, string> => ({
    STILLVAULT_PATH: path,
    STILLVAULT_VERSION: String(now),
    STILLVAULT_REASON: exposed ?? 'asked',
    STILLVAULT_FIELDS: fields.join(' '),
  });

  async function valueFor(secret: SecretSummary): Promise<NewValue> {
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
    async store(secret) {
      const content = await valueFor(secret);
      try {
        return await putPatiently(call, daemon, secret.path, { ...content, ...source.terms });
      } finally {
        for (const bytes of 'value' in content ? [content.value] : Object.values(content.fields)) bytes.fill(0);
      }
    },
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

// How far a walk has come, so that the same command goes on: paths and versions, never a value (spec/20-rotate.md §walk).
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { usage } from '../terminal/arguments.ts';
import { printable } from '../terminal/text.ts';

export interface Step {
  readonly path: string;
  readonly from: number;
  readonly state: 'open' | 'stored' | 'done';
}
export interface Walk {
  readonly version: 1;
  readonly at: string;
  readonly steps: readonly Step[];
}

const step: z.ZodType<Step> = z.strictObject({
  path: z.string().min(1).max(256),
  /** The version that is to be replaced. */
  from: z.int().min(1),
  /** `stored`: the new version is there, --after has not been through. */
  state: z.enum(['open', 'stored', 'done']),
});
const walk: z.ZodType<Walk> = z.strictObject({ version: z.literal(1), at: z.string().max(40), steps: z.array(step).max(100_000) });

export interface WalkRecord {
  read(): Walk | undefined;
  write(value: Walk): void;
  remove(): void;
}

/** One for each selection: the same words go on with the same walk. */
export function walkRecord(dataFolder: string, selection: readonly string[]): WalkRecord {
  const folder = `${dataFolder}/rotate`;
  const name = `${folder}/${createHash('sha256').update(JSON.stringify(selection)).digest('hex').slice(0, 32)}.json`;
  return {
    read: () => parse(name),
    write(value) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(`${name}.new`, `${JSON.stringify(value)}\n`, { mode: 0o600, flush: true });
      renameSync(`${name}.new`, name);
    },
    remove: () => rmSync(name, { force: true }),
  };
}

function parse(name: string): Walk | undefined {
  let text: string;
  try {
    text = readFileSync(name, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return walk.parse(JSON.parse(text));
  } catch {
    throw usage(`the record of an earlier walk, ${printable(name)}, cannot be understood`, 'the same command with --restart forgets it');
  }
}

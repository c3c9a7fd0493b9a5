// What `stillvault run` masks as it streams, against a plain pipe (spec/17-run.md §masking): `run -- program | wc -c` against `program | cat | wc -c`,
// the same program, the same bytes, the same number of processes and pipes, in turn.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { releasing, startStubDaemon } from '../testing/stub-daemon.ts';
import { type Paired, type Spread, paired, spreadOf } from './measure.ts';

const executable = join(import.meta.dir, '..', 'dist', 'stillvault');
const megabytes = 512;

/** A password and a private key of 27 lines: what programs are usually given. */
const secrets = {
  'prod/db': 'correct horse battery staple',
  'prod/key': Array.from({ length: 27 }, (_, at) => new Bun.SHA512().update(String(at)).digest('base64').slice(0, 64)).join('\n'),
};

export interface Masked extends Paired {
  /** Of processor time, pair by pair: what a machine with more to do sees. */
  readonly cpuRatio: Spread;
}

/** Milliseconds for all of it; `start` is within, and is what `run -- true` takes against `true | cat`. */
export async function maskFigures(runs = 8): Promise<Readonly<Record<string, Masked | number>>> {
  await using daemon = await startStubDaemon({ 'POST /v1/release': releasing(secrets, 'lease') });
  const dir = mkdtempSync(join(tmpdir(), 'sv-mask-'));
  try {
    const kinds = { 'lines of a log': logLines(), 'random bytes': crypto.getRandomValues(new Uint8Array(65_536)), 'base64 in lines': base64Lines() };
    const figures: Record<string, Masked | number> = { megabytes };
    for (const [kind, block] of Object.entries(kinds)) {
      const file = join(dir, 'block');
      writeFileSync(file, Buffer.concat(Array.from({ length: Math.ceil(1_048_576 / block.length) }, (): Uint8Array => block)).subarray(0, 1_048_576));
      // Read from the page cache again and again: nothing of a disk is measured.
      writeFileSync(`${file}.list`, `${file}\n`.repeat(megabytes));
      figures[kind] = await against(runs, `xargs -a ${file}.list cat`, megabytes, daemon.socketPath);
    }
    figures['start'] = await against(runs, 'true', 0, daemon.socketPath);
    return figures;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Side {
  readonly command: string;
  /** ms of each run */
  readonly cpu: number[];
}

async function against(runs: number, program: string, size: number, socketPath: string): Promise<Masked> {
  const [ours, theirs]: readonly [Side, Side] = [
    { command: `"${executable}" run -q -e A=prod/db -e B=prod/key -- ${program}`, cpu: [] },
    { command: `${program} | cat`, cpu: [] },
  ];
  const through = async ({ command, cpu }: Side): Promise<number> => {
    const env = { PATH: process.env['PATH'] ?? '', STILLVAULT_SOCKET: socketPath };
    const from = performance.now();
    const child = Bun.spawn(['bash', '-o', 'pipefail', '-c', `${command} | wc -c`], { env, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' });
    const count = Number(await new Response(child.stdout).text());
    if ((await child.exited) !== 0 || count !== size * 1_048_576) throw new Error(`${count} bytes came out`);
    const ms = performance.now() - from;
    cpu.push(Number(child.resourceUsage()?.cpuTime.total) / 1_000);
    return ms;
  };
  const figures = await paired(
    runs,
    () => through(ours),
    () => through(theirs),
    1,
  );
  return { ...figures, cpuRatio: spreadOf(ours.cpu.map((ms, at) => ms / (theirs.cpu[at] ?? Number.NaN)).slice(1)) };
}

function logLines(): Uint8Array {
  const line = (at: number): string => `2026-11-23T12:${at % 60}:07.${at}Z INFO worker=${at % 7} path=/v1/orders/${at * 7_919} status=200 ms=${at % 113}\n`;
  return new TextEncoder().encode(Array.from({ length: 900 }, (_, at) => line(at)).join(''));
}

function base64Lines(): Uint8Array {
  const text = Buffer.from(crypto.getRandomValues(new Uint8Array(49_152))).toString('base64');
  return new TextEncoder().encode(text.replace(/.{76}/g, '$&\n'));
}

// What `stillvault run` masks as it streams, against a plain pipe: the same program, the same bytes, two pipes instead of one (spec/17-run.md §masking).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { releasing, startStubDaemon } from '../testing/stub-daemon.ts';
import { type Paired, paired, timed } from './measure.ts';

const executable = join(import.meta.dir, '..', 'dist', 'stillvault');
const megabytes = 512;

/** A password and a private key of 27 lines: what programs are usually given. */
const secrets = {
  'prod/db': 'correct horse battery staple',
  'prod/key': Array.from({ length: 27 }, (_, at) =>
    Buffer.from(new Bun.SHA512().update(String(at)).digest())
      .toString('base64')
      .slice(0, 64),
  ).join('\n'),
};

/** Milliseconds for all of it; the start of our process is within. */
export async function maskFigures(runs = 8): Promise<Readonly<Record<string, Paired | number>>> {
  await using daemon = await startStubDaemon({ 'POST /v1/release': releasing(secrets, 'lease') });
  const dir = mkdtempSync(join(tmpdir(), 'sv-mask-'));
  try {
    const kinds = { 'lines of a log': logLines(), 'random bytes': crypto.getRandomValues(new Uint8Array(65_536)), 'base64 in lines': base64Lines() };
    const figures: Record<string, Paired | number> = { megabytes };
    for (const [kind, block] of Object.entries(kinds)) {
      const file = join(dir, 'block');
      writeFileSync(file, Buffer.concat(Array.from({ length: Math.ceil(1_048_576 / block.length) }, () => block)).subarray(0, 1_048_576));
      // Read from the page cache again and again: nothing of a disk is measured.
      const program = `for i in $(seq ${megabytes}); do echo "${file}"; done | xargs cat`;
      const ours = async (): Promise<number> =>
        through(`"${executable}" run -e A=prod/db -e B=prod/key -- sh -c '${program.replaceAll('"', '')}'`, daemon.socketPath);
      const theirs = async (): Promise<number> => through(`{ ${program}; } | cat`, daemon.socketPath);
      figures[kind] = await paired(runs, ours, theirs, 1);
    }
    return figures;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function through(command: string, socketPath: string): Promise<number> {
  return timed(async () => {
    const env = { PATH: process.env['PATH'] ?? '', STILLVAULT_SOCKET: socketPath };
    const child = Bun.spawn(['bash', '-o', 'pipefail', '-c', `${command} | wc -c`], { env, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' });
    const count = Number(await new Response(child.stdout).text());
    if ((await child.exited) !== 0 || count !== megabytes * 1_048_576) throw new Error(`${count} bytes came out`);
  });
}

function logLines(): Uint8Array {
  const line = (at: number): string => `2026-11-23T12:${at % 60}:07.${at}Z INFO worker=${at % 7} path=/v1/orders/${at * 7_919} status=200 ms=${at % 113}\n`;
  return new TextEncoder().encode(Array.from({ length: 900 }, (_, at) => line(at)).join(''));
}

function base64Lines(): Uint8Array {
  const text = Buffer.from(crypto.getRandomValues(new Uint8Array(49_152))).toString('base64');
  return new TextEncoder().encode(text.replace(/.{76}/g, '$&\n'));
}

// A leased `stillvault get` as a whole process against `pass show` with an unlocked gpg-agent, both as scripts would call them.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Paired, type Spread, paired, spreadOf } from './measure.ts';
import { approveAll, createBenchWorld } from './world.ts';

const executable = join(import.meta.dir, '..', 'dist', 'stillvault');

interface Finished {
  readonly ms: number;
  readonly cpuMs: number;
  readonly out: string;
}

async function run(command: readonly string[], env: Record<string, string>): Promise<Finished> {
  const from = performance.now();
  const child = Bun.spawn([...command], { env: { ...process.env, ...env }, stdout: 'pipe', stderr: 'pipe', stdin: 'ignore' });
  const [out, err, code] = [await new Response(child.stdout).text(), await new Response(child.stderr).text(), await child.exited];
  const ms = performance.now() - from;
  if (code !== 0) throw new Error(`${command[0] ?? ''} ended with ${code}: ${err.slice(0, 300)}`);
  return { ms, cpuMs: Number(child.resourceUsage()?.cpuTime.total ?? 0n) / 1_000, out };
}

/** Undefined where pass or the executable is missing: `why` says what to do. */
export async function getCommand(runs = 30): Promise<{ readonly wall: Paired; readonly cpuMs: Spread } | { readonly why: string }> {
  if (!existsSync(executable)) return { why: 'dist/stillvault is missing: npm run build' };
  if (!Bun.which('pass') || !Bun.which('gpg')) return { why: 'pass and gpg are missing: apt-get install pass gnupg' };
  await using world = await createBenchWorld([{ exe: executable }]);
  const home = mkdtempSync(join(tmpdir(), 'svp-'));
  const passEnv = { GNUPGHOME: join(home, 'gnupg'), PASSWORD_STORE_DIR: join(home, 'store') };
  const ourEnv = { STILLVAULT_SOCKET: world.socketPath };
  try {
    await preparePass(passEnv);
    {
      await using _ = approveAll(world);
      await run([executable, 'get', 'prod/db-primary', '--ttl', '1h'], ourEnv);
    }
    const cpu: number[] = [];
    const ours = async (): Promise<number> => {
      const { ms, cpuMs, out } = await run([executable, 'get', 'prod/db-primary', '--lease-only'], ourEnv);
      if (out !== 'correct horse battery staple') throw new Error('another value than was stored');
      cpu.push(cpuMs);
      return ms;
    };
    const theirs = async (): Promise<number> => (await run(['pass', 'show', 'prod/db-primary'], passEnv)).ms;
    return { wall: await paired(runs, ours, theirs), cpuMs: spreadOf(cpu) };
  } finally {
    await Bun.spawn(['gpgconf', '--kill', 'all'], { env: { ...process.env, ...passEnv }, stderr: 'ignore' }).exited;
    rmSync(home, { recursive: true, force: true });
  }
}

// A key without a passphrase: the agent is as unlocked as it can be.
async function preparePass(env: Record<string, string>): Promise<void> {
  await Bun.spawn(['mkdir', '-m', '700', '-p', env['GNUPGHOME'] ?? '']).exited;
  await run(['gpg', '--batch', '--passphrase', '', '--quick-generate-key', 'bench@stillvault.invalid', 'default', 'default', 'never'], env);
  await run(['pass', 'init', 'bench@stillvault.invalid'], env);
  const insert = Bun.spawn(['pass', 'insert', '-e', 'prod/db-primary'], {
    env: { ...process.env, ...env },
    stdin: new Blob(['correct horse battery staple\n']),
    stdout: 'ignore',
  });
  await insert.exited;
}

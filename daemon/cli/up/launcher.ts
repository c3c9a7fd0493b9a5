// Makes `stillvault` a command of other terminals: this very program, speaking to this very daemon.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Writes `<data>/bin/stillvault` and returns its folder. */
export function writeLauncher(data: string, socketPath: string): string {
  const folder = `${data}/bin`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const text = `#!/bin/sh
# Written by stillvault up at each start.
[ -n "\${STILLVAULT_SOCKET:-}" ] || STILLVAULT_SOCKET=${quoted(socketPath)}
[ -n "\${STILLVAULT_HOME:-}" ] || STILLVAULT_HOME=${quoted(data)}
export STILLVAULT_SOCKET STILLVAULT_HOME
exec ${ownProgram()} "$@"
`;
  writeFileSync(`${folder}/stillvault.new`, text, { mode: 0o700 });
  renameSync(`${folder}/stillvault.new`, `${folder}/stillvault`);
  return folder;
}

/** This very program as words of a shell. */
export function ownProgram(): string {
  // Run from its sources, the runtime would obey settings in the folder that a verb happens to run in; the executable is built not to.
  // A tsconfig.json there, or above, could even put another file in the place of Bun.main.
  const ours = ['--config=/dev/null', '--env-file=/dev/null', `--tsconfig-override=${join(dirname(Bun.main), '../tsconfig.json')}`];
  const program = Bun.main.startsWith('/$bunfs') ? [process.execPath] : [process.execPath, ...ours, Bun.main];
  return program.map(quoted).join(' ');
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

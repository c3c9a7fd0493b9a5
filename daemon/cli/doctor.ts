// `stillvault doctor`: everything that a release needs, checked in order; each failing line says what to do (spec/10-local-api.md §doctor).
import { checkFolder, checkRuntime } from './doctor/machine.ts';
import { checkConsole, checkDaemon, checkRelay } from './doctor/parties.ts';
import type { Command } from './terminal/command.ts';
import { clientEnvironment, dataFolder } from './terminal/places.ts';
import { counted, printable } from './terminal/text.ts';

export interface Finding {
  readonly name: string;
  /** `hint` is nothing wrong, and worth knowing. */
  readonly result: 'ok' | 'failed' | 'hint';
  readonly message: string;
  /** What to do about it. */
  readonly next?: string;
}

export const command: Command = {
  usage: ['doctor [--data DIR]'],
  examples: [
    ['stillvault doctor', 'when something does not work'],
    ['stillvault doctor --json | jq ".checks[] | select(.result == \\"failed\\")"', 'for a monitor'],
  ],
  options: { data: { about: 'folder of up or daemon: ~/.stillvault by default', takes: 'DIR' } },
  async run({ args, world, output, client }) {
    const data = dataFolder(world.env, args.text('data'));
    const checks: Finding[] = [];
    const add = (found: readonly Finding[]): void => {
      checks.push(...found);
      if (output.json) return;
      for (const { result, name, message, next } of found) {
        const mark = { ok: output.style.green('✓'), failed: output.style.red('✗'), hint: output.style.dim('·') }[result];
        output.data(`${mark} ${name.padEnd(11)} ${printable(message)}\n${next === undefined ? '' : `  ${''.padEnd(11)} next: ${printable(next)}\n`}`);
      }
    };
    add(checkRuntime(world));
    const { status, findings } = await checkDaemon(client(), clientEnvironment(world.env), world);
    add(findings);
    add(await checkRelay(status, data, world));
    add(await checkFolder(data, world));
    add(await checkConsole(data));
    const failed = checks.filter(({ result }) => result === 'failed').length;
    if (output.json) output.jsonLine({ ok: failed === 0, checks });
    else output.note(failed === 0 ? 'all is well' : `${counted(failed, 'problem')}`);
    return failed === 0 ? 0 : 1;
  },
};

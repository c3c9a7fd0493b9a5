// A change of the organisation from the command line: what it would do, a yes where it takes away, then the people who sign it (spec/10-local-api.md §administration).
import type { Act, ChangeAsk, ChangePlan, PlannedChange } from '../../../protocol/local-api/admin.ts';
import { type Options, usage } from './arguments.ts';
import type { Call } from './command.ts';
import type { Output } from './output.ts';
import { confirm } from './prompt.ts';
import { parseDuration, printable } from './text.ts';
import { awaitPeople } from './waiting.ts';

/** Of every verb that proposes. */
export const proposeOptions: Options = {
  reason: { about: 'why, for the people who are asked: one line', takes: 'TEXT' },
  wait: { about: 'how long to wait for them: 3m by default, at most 15m', takes: 'TIME' },
  'dry-run': { about: 'only show what it would do' },
  yes: { about: 'without asking here', short: 'y' },
};
export const proposeNote =
  'A machine cannot sign for a person: the change is proposed to the admins, whose\ndevices show it and sign it. Exit code 0 also where it then waits for further\nadmins; --json says which. Ctrl-C withdraws it.';

/** `takesAway`: asked once more at the terminal, with this question. Returns the exit code. */
export async function propose({ args, world, output, client }: Call, act: Act, takesAway?: string): Promise<number> {
  const [reason, wait] = [args.text('reason'), args.text('wait')];
  const ask: ChangeAsk = {
    act,
    ...(reason === undefined ? {} : { reason }),
    ...(wait === undefined ? {} : { timeoutS: parseDuration(wait, 'wait', 900) }),
  };
  const daemon = client();
  // A freeze waits for no plan and no question.
  if (act.act !== 'org.freeze' || args.has('dry-run')) {
    const plan = await daemon.planChange(ask);
    tellPlan(output, plan);
    if (args.has('dry-run')) {
      if (output.json) output.jsonLine(plan);
      return 0;
    }
    if (plan.changes.length > 0 && takesAway !== undefined && !args.has('yes') && !(await confirm({ world, output }, takesAway))) {
      output.note('nobody was asked, and nothing was changed');
      return 1;
    }
  }
  const changed = await awaitPeople({ world, output }, (waiting) => daemon.change(ask, waiting));
  if (output.json) output.jsonLine(changed);
  else if (changed.event === 'proposed')
    output.note(`${printable(changed.by)} signed; ${changed.missing} more ${changed.missing === 1 ? 'admin' : 'admins'} must agree in the console`);
  else output.note(changed.changed ? `done, signed by ${changed.by.map(printable).join(' and ')}` : 'it is so already: nobody was asked');
  return 0;
}

export function tellPlan(output: Output, { changes, needed, kept }: ChangePlan): void {
  for (const line of changes.flatMap((change) => planLines(output, change))) output.note(line);
  if (kept.length > 0) output.note(output.style.dim(`not in the file, and kept: ${kept.map(printable).join(', ')} (--prune retires them)`));
  if (needed > 1) output.note(`${needed} admins must agree`);
}

const marks = { widens: '+', narrows: '-', neutral: '~' } as const;
const colours = { widens: 'yellow', narrows: 'green', neutral: 'dim' } as const;

/** As the console shows it. */
export function planLines({ style }: Pick<Output, 'style'>, { what, differences, terms, warnings }: PlannedChange): readonly string[] {
  return [
    style.bold(printable(what)),
    ...differences.map(({ effect, words }) => style[colours[effect]](`  ${marks[effect]} ${effect}: ${printable(words)}`)),
    ...terms.map((words) => style.dim(`    ${printable(words)}`)),
    ...warnings.map((words) => style.red(`  ! ${printable(words)}`)),
  ];
}

/** Throws usage with what is missing, or too much. */
export function exactly(words: readonly string[], what: string, next: string): string {
  const [word, ...more] = words;
  if (word === undefined || more.length > 0) throw usage(`which ${what}? give one`, next);
  return word;
}

export function unknownVerb(command: string, verb: string): never {
  throw usage(`unknown: ${command} ${printable(verb)}`, `stillvault help ${command}`);
}

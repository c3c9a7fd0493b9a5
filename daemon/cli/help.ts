// `stillvault help`: examples first, then usage and options (spec/10-local-api.md §command-line).
import { catalogue, type Listed } from './catalogue.ts';
import { commonOptions, usage, type Options } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { printable, table } from './terminal/text.ts';

export const command: Command = {
  usage: ['help [command]'],
  examples: [
    ['stillvault help', 'all commands'],
    ['stillvault help get', 'one command'],
  ],
  options: {},
  async run({ args, output }) {
    output.data(await helpText(args.operands[0]));
    return 0;
  },
};

/** Throws usage for an unknown command. */
export async function helpText(verb: string | undefined): Promise<string> {
  if (verb === undefined) return overview();
  const listed = Object.hasOwn(catalogue, verb) ? catalogue[verb] : undefined;
  if (listed === undefined) throw usage(`unknown command ${printable(verb)}`, 'stillvault help');
  const { command: described } = await listed.load();
  return [
    `stillvault ${verb}: ${listed.about}\n`,
    `Examples\n${described.examples.map(([line, what]) => `  ${line}\n      ${what}\n`).join('')}`,
    `Usage\n${described.usage.map((line) => `  stillvault ${line}\n`).join('')}`,
    ...(Object.keys(described.options).length > 0 ? [section('Options', optionRows(described.options))] : []),
    section('Always', optionRows(commonOptions)),
    ...(described.notes ?? []).map((note) => `${note}\n`),
  ].join('\n');
}

const groups: Readonly<Record<Listed['group'], string>> = {
  use: 'Use secrets',
  keep: 'Keep secrets',
  watch: 'Watch',
  people: 'People and machines',
  'set up': 'Set up',
  serve: 'Serve',
  other: 'Other',
};

function overview(): string {
  const entries = Object.entries(catalogue);
  const rows = Object.entries(groups).map(([group, title]) =>
    section(
      title,
      entries.flatMap(([name, { about, verbs, group: own }]) => (own === group ? [[verbs === undefined ? name : `${name} ${verbs.join('|')}`, about]] : [])),
    ),
  );
  return [
    'Stillvault releases a secret to a program when a person approves that release\non their own device.\n',
    section('Examples', [
      ['stillvault up', 'start everything for one person'],
      ['stillvault put prod/db-primary', 'store a secret'],
      ['stillvault get prod/db-primary | psql-login', 'read it into a pipe'],
      ['stillvault run -e PGPASSWORD=prod/db-primary -- psql', 'or into one program'],
    ]),
    ...rows,
    'stillvault help <command> tells more. Exit codes: 0 ok, 1 other, 2 usage,\n10 denied, 11 expired, 12 relay or approver unreachable, 13 daemon not running,\n14 not found, 15 policy forbids, 16 not enrolled or locked; run: the program’s own,\n125 not started by us, 126 not executable, 127 not found, 128+n ended by signal n.\n',
  ].join('\n');
}

function section(title: string, rows: readonly (readonly string[])[]): string {
  return `${title}\n${table(rows.map(([first = '', ...rest]) => [`  ${first}`, ...rest]))}`;
}

function optionRows(options: Options): readonly (readonly string[])[] {
  return Object.entries(options).map(([name, { about, takes, short, repeats }]) => [
    `${short === undefined ? '    ' : `-${short}, `}--${name}${takes === undefined ? '' : ` ${takes}`}`,
    repeats === true ? `${about} (repeatable)` : about,
  ]);
}

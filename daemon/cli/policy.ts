// `stillvault policy`: who may have what, and why; rules as a file, compared and proposed (spec/06-policy.md).
import type { AccessSummary, OrgSummary } from '../../protocol/local-api/admin.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import { usage } from './terminal/arguments.ts';
import type { Call, Command } from './terminal/command.ts';
import { nearest } from './terminal/nearest.ts';
import type { Output } from './terminal/output.ts';
import { exactly, planLines, propose, proposeNote, proposeOptions, tellPlan, unknownVerb } from './terminal/propose.ts';
import { printable, table } from './terminal/text.ts';

export const command: Command = {
  usage: [
    'policy ls',
    'policy show <pattern>',
    'policy check <path> [--machine NAME] [--exe FILE|SHA256] [--uid N] [--at TIME]',
    'policy export',
    'policy diff|apply -f FILE [--prune]',
    'policy retire <pattern>',
    'policy schema',
  ],
  examples: [
    ['stillvault policy check prod/db-primary', 'who may ask, who must approve, and why'],
    ['stillvault policy check prod/db --machine web-1 --at 2026-12-24T23:00Z', 'for one machine and hour; exit code 15 where it is no'],
    ['stillvault policy export > policy.yaml', 'every rule, with names'],
    ['stillvault policy diff -f policy.yaml', 'what would allow more, what less; asks nobody'],
    ['stillvault policy apply -f policy.yaml --reason "quarterly review"', 'propose it to the admins'],
    ['stillvault policy schema > policy.schema.json', 'for your editor'],
  ],
  options: {
    file: { about: 'a policy file, or - for standard input', takes: 'FILE', short: 'f' },
    prune: { about: 'retire rules that the file does not name' },
    machine: { about: 'asked by this machine', takes: 'NAME' },
    exe: { about: 'asked by this program: its file, or its SHA-256', takes: 'FILE' },
    uid: { about: 'asked by this user', takes: 'N' },
    at: { about: 'asked at this time', takes: 'TIME' },
    ...proposeOptions,
  },
  notes: [proposeNote, 'diff: exit code 0 where nothing would change, 1 where something would.'],
  async run(call) {
    const { args, output, client } = call;
    const [verb = 'ls', ...words] = args.operands;
    switch (verb) {
      case 'ls':
        return list((await client().org()).policies, output);
      case 'show':
        return show((await client().org()).policies, exactly(words, 'pattern', 'stillvault policy ls'), output);
      case 'check':
        return check(call, exactly(words, 'path', 'stillvault policy check prod/db-primary'));
      case 'retire': {
        const pattern = exactly(words, 'pattern', 'stillvault policy ls');
        return propose(call, { act: 'policy.retire', pattern }, `retire the rule ${printable(pattern)}? its paths fall to the next rule, or to nobody`);
      }
      case 'export':
        output.data((await import('./policy/file.ts')).writePolicyFile(await client().org()));
        return 0;
      case 'schema':
        output.data(`${JSON.stringify((await import('../admin/terms.ts')).policySchema(), null, 2)}\n`);
        return 0;
      case 'diff':
      case 'apply':
        return withFile(call, verb, words);
      default:
        return unknownVerb('policy', verb);
    }
  },
};

async function withFile(call: Call, verb: 'diff' | 'apply', words: readonly string[]): Promise<number> {
  const { args, world, output, client } = call;
  const path = args.text('file');
  if (path === undefined || words.length > 0) throw usage(`which file? policy ${verb} -f policy.yaml`);
  const { readPolicyFile } = await import('./policy/file.ts');
  const act = { act: 'policy.file', file: await readPolicyFile(path, world), prune: args.has('prune') } as const;
  if (verb === 'apply') return propose(call, act, args.has('prune') ? 'apply it, and retire what the file does not name?' : undefined);
  const plan = await client().planChange({ act });
  if (output.json) output.jsonLine(plan);
  else {
    // A difference is what was asked for: data.
    output.data(
      plan.changes
        .flatMap((change) => planLines(output, change))
        .map((line) => `${line}\n`)
        .join(''),
    );
    tellPlan(output, { ...plan, changes: [] });
    if (plan.changes.length === 0) output.note('nothing would change');
  }
  return plan.changes.length === 0 ? 0 : 1;
}

function list(policies: OrgSummary['policies'], output: Output): number {
  if (output.json) output.jsonLine(policies);
  else output.data(table(policies.map(({ pattern, words, tier }) => [printable(pattern), printable(words[0] ?? ''), printable(words[1] ?? ''), tier ?? ''])));
  if (policies.length === 0) output.note('no rules: nobody may have anything; next: the console, under People');
  return 0;
}

function show(policies: OrgSummary['policies'], pattern: string, output: Output): number {
  const found = policies.find((policy) => policy.pattern === pattern);
  if (!found) {
    const near = nearest(
      pattern,
      policies.map((policy) => policy.pattern),
    );
    const message = `no rule has the pattern ${printable(pattern)}${near === undefined ? '' : `: did you mean ${near}?`}`;
    throw new StillvaultError('not_found', message, { next: `stillvault policy check ${printable(pattern)} says what governs a path` });
  }
  const titles = ['approve', 'may ask', 'programs', 'hours', 'lease', 'care', 'whoever asks', 'whoever approves', 'reveal', 'hosts', 'freshness'];
  if (output.json) output.jsonLine(found);
  else output.data(table([['pattern', printable(found.pattern)], ...found.words.map((words, at) => [titles[at] ?? '', printable(words)])]));
  return 0;
}

async function check({ args, output, client }: Call, path: string): Promise<number> {
  const about: Record<string, string> = {};
  for (const name of ['machine', 'uid', 'at']) {
    const given = args.text(name);
    if (given !== undefined) about[name] = given;
  }
  const exe = args.text('exe');
  if (exe !== undefined) about['exe'] = await hashOf(exe);
  const access = await client().checkPolicy(path, about);
  if (output.json) output.jsonLine(access);
  else output.data(accessText(access, output));
  return access.verdict === 'no' ? 15 : 0;
}

const verdicts = { yes: 'yes, once the people agree', no: 'no', depends: 'yes, once the people agree, for some' } as const;
const signs = { yes: '+', no: '-', depends: '?' } as const;

function accessText({ path, verdict, reasons }: AccessSummary, { style }: Output): string {
  const head = `${printable(path)}: ${style.bold(verdicts[verdict])}\n`;
  return head + table(reasons.map((reason) => [` ${signs[reason.verdict]}`, reason.about, printable(reason.words)]));
}

async function hashOf(exe: string): Promise<string> {
  if (/^[0-9a-f]{64}$/.test(exe)) return exe;
  const file = Bun.file(exe);
  if (!(await file.exists())) throw usage(`no program lies at ${printable(exe)}, and it is no SHA-256`);
  return new Bun.CryptoHasher('sha256').update(await file.arrayBuffer()).digest('hex');
}

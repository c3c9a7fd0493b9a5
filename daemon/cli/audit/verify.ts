// `stillvault audit verify`: of this machine's organisation, or of an export on a machine that never saw it (spec/15-audit.md §audit).
import { findingText, verdictText } from '../audit.ts';
import { usage } from '../terminal/arguments.ts';
import type { Call } from '../terminal/command.ts';
import { printable } from '../terminal/text.ts';
import { auditLines, daemonLines, fileLines } from './trail.ts';

const findingsShown = 50;

export async function verify(call: Call): Promise<number> {
  const { args, output } = call;
  const [file, wanted] = [args.text('export'), args.text('org')];
  if ((file === undefined) !== (wanted === undefined))
    throw usage(
      file === undefined ? '--org goes with --export FILE' : '--export needs --org ID: a file cannot say itself whose it must be',
      'stillvault org show',
    );
  const source = file === undefined || wanted === undefined ? await daemonLines(call) : { org: wanted, lines: fileLines(file) };
  const verdict = await auditLines(call, source);
  const { org, findings, heads } = verdict;
  if (output.json) output.jsonLine(verdict);
  else {
    for (const finding of findings.slice(0, findingsShown)) output.data(`${findingText(finding)}\n`);
    if (findings.length > findingsShown) output.data(`… and ${findings.length - findingsShown} more: --json has them\n`);
    const head = heads.log ? `\nhead ${heads.log.seq} ${printable(heads.log.eh)}` : '';
    output.data(`${verdictText(verdict)}\norg  ${printable(org)}${head}\n`);
    if (findings.length > 0) output.note('talk to the people and look at the machines that are named; nothing here repairs itself');
  }
  return findings.length === 0 ? 0 : 1;
}

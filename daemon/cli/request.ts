// `stillvault request`: asks people and does not wait (spec/17-run.md §held). `stillvault await` takes what they release.
import { parseReference } from '../../sdk/client.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import { nameOf } from '../../sdk/template.ts';
import { askFrom, askOptions } from './get.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { clockTime, printable } from './terminal/text.ts';
import { pathsText } from './terminal/waiting.ts';

const { 'lease-only': _lease, 'no-wait': _noWait, ...options } = askOptions;

export const command: Command = {
  usage: ['request <reference>… [options]', 'request --withdraw HANDLE'],
  examples: [
    ['handle=$(stillvault request prod/db-primary --reason "nightly report")', 'asks, and goes on at once'],
    ['stillvault await "$handle" | psql-login', 'the value, when people have decided'],
    ['stillvault request prod/db#user prod/db#password --json', 'several secrets are one request'],
    ['stillvault request --withdraw "$handle"', 'nobody is asked any more'],
  ],
  options: { ...options, withdraw: { about: 'end a request that waits', takes: 'HANDLE' } },
  notes: [
    'The request belongs to the process that started this command (your shell or\nagent): only stillvault await under that process may take what is released, once,\nand it is withdrawn when that process ends. People are asked whatever leases there\nare. It lives 15m, or as --wait says.',
  ],
  async run({ args, output, client }) {
    const withdraw = args.text('withdraw');
    if (withdraw !== undefined) {
      if (args.operands.length > 0) throw usage('--withdraw takes the handle of one request, and nothing else');
      await client().withdrawRequest(withdraw);
      output.note('withdrawn: nobody is asked any more, and a late approval releases nothing');
      return 0;
    }
    if (args.operands.length === 0) throw usage('which secret? give its path');
    const items = [...new Map(args.operands.map((word) => [nameOf(parseReference(word)), parseReference(word)])).values()];
    const asked = await client().fileRequest({ timeoutS: 900, items, ...askFrom(args) });
    if (asked.holder.endsWith(`(pid ${process.pid})`)) {
      await client().withdrawRequest(asked.handle);
      throw new StillvaultError('policy_forbids', 'nothing that outlives this command could take the release', {
        next: 'stillvault get waits for it',
        detail: 'E_HANDLE',
      });
    }
    if (output.json) output.jsonLine({ event: 'requested', ...asked });
    else output.data(`${asked.handle}\n`);
    const who = asked.approvers.map(printable).join(', ');
    output.note(
      `asked ${who} · ${pathsText(asked.paths)} · code ${printable(asked.code)} · until ${clockTime(asked.expires_at)} · for ${printable(asked.holder)}`,
    );
    return 0;
  },
};

// `stillvault put`: a value from standard input, a file or a prompt, never from the command line (spec/10-local-api.md §put).
import { StillvaultError } from '../../sdk/errors.ts';
import { readFields, readValue } from './put/content.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { parseDuration, printable } from './terminal/text.ts';
import { awaitPeople } from './terminal/waiting.ts';

export const command: Command = {
  usage: ['put <path> [options]', 'put <path> --field NAME[=@FILE|=-]… [options]'],
  examples: [
    ['stillvault put prod/db-primary', 'asks for the value twice, without echo'],
    ['pwgen -s 32 1 | stillvault put prod/db-primary --strip-newline', 'from a program that ends its line'],
    ['stillvault put prod/tls-key < server.key', 'exact bytes of a file'],
    ['stillvault put prod/db-primary --field user=@user.txt --field password', 'named fields; a bare name asks'],
  ],
  options: {
    field: { about: 'a field: NAME asks, NAME=@FILE reads a file, NAME=- reads standard input', takes: 'NAME', repeats: true },
    description: { about: 'what it is for, readable by members and entitled machines', takes: 'TEXT' },
    'strip-newline': { about: 'leave off one newline at the end of standard input' },
    wait: { about: 'how long to wait for a writer: 3m by default, at most 15m', takes: 'TIME' },
  },
  notes: [
    'Standard input and files are stored byte for byte, so that what get gives is what\nput got; --strip-newline leaves off the one that echo and most programs add. A\nprompt takes one line without its end.',
    'The value is a proposal until a person with the role writer countersigns it on\ntheir device: Ctrl-C before that withdraws it.',
  ],
  async run({ args, world, output, client }) {
    const [path, ...more] = args.operands;
    if (path === undefined) throw usage('which path? such as prod/db-primary');
    if (more.length > 0)
      throw usage('one path at a time, and never a value on the command line: it would be seen by every program', `stillvault put ${printable(path)}`);
    if (path.includes('#')) throw usage('a path has no #: fields are given with --field', `stillvault put ${path.split('#').map(printable).join(' --field ')}`);
    const fields = args.all('field');
    const reading = { world, output, stripNewline: args.has('strip-newline') };
    const [description, wait] = [args.text('description'), args.text('wait')];
    const timeoutS = wait === undefined ? {} : { timeoutS: parseDuration(wait, 'wait', 900) };
    // A daemon that is away is told before the value is typed.
    const daemon = client();
    const { state } = await daemon.status();
    if (state === 'not_enrolled' || state === 'awaiting_admission')
      throw new StillvaultError('not_enrolled', state === 'not_enrolled' ? 'this machine belongs to no organisation yet' : 'this machine waits for admission', {
        next: state === 'not_enrolled' ? 'stillvault org create' : 'stillvault status',
      });
    const content = fields.length > 0 ? { fields: await readFields(fields, reading) } : { value: await readValue(path, reading) };
    const secrets = 'fields' in content ? Object.values(content.fields) : [content.value];
    try {
      await awaitPeople({ world, output }, (waiting) =>
        daemon.put(path, { ...content, ...(description === undefined ? {} : { description }), ...timeoutS }, waiting),
      );
    } finally {
      for (const bytes of secrets) bytes.fill(0);
    }
    return 0;
  },
};

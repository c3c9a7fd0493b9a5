// `stillvault inject`: a template with references in, the same text with values out (spec/17-run.md §templates).
import { type Client, type Released } from '../../sdk/client.ts';
import { type Template, fillTemplate, forms, nameOf, parseTemplate } from '../../sdk/template.ts';
import { askFrom, askOptions } from './get.ts';
import { type Target, openTarget } from './inject/target.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { releasedNote, verifyShowable } from './terminal/released.ts';
import { counted, printable, unreadable } from './terminal/text.ts';
import { awaitPeople } from './terminal/waiting.ts';
import type { World } from './terminal/world.ts';
import { readFileSync, statSync } from 'node:fs';

/** A configuration file; larger ones are data. */
const maxTemplateBytes = 4_194_304;

export const command: Command = {
  usage: ['inject [-i TEMPLATE] [-o FILE] [options]'],
  examples: [
    ['stillvault inject -i config.tmpl -o config.json --reason "set up"', 'a file of mode 0600; all secrets are one request'],
    ["echo 'token: {{ stillvault://prod/token | yaml }}' | stillvault inject | kubectl apply -f -", 'between pipes, nothing on disk'],
    ['stillvault inject -i app.env.tmpl -o /dev/shm/app.env --force', 'instead of the file that is there'],
  ],
  options: {
    in: { about: 'the template; standard input without it', takes: 'TEMPLATE', short: 'i' },
    out: { about: 'where to; standard output without it, or with -', takes: 'FILE', short: 'o' },
    force: { about: 'replace a file that exists' },
    reveal: { about: 'allow a terminal as the place where the values go' },
    ...askOptions,
  },
  notes: [
    `{{ stillvault://path }} and {{ stillvault://path#field }} become the value, byte for\nbyte; {{ stillvault://path | json }} the value as ${forms.join(', ')} write it:\njson, yaml and shell with their quotes. A template that is one reference alone\nneeds no braces. Everything is checked before anybody is asked.`,
  ],
  async run({ args, world, output, client }) {
    if (args.operands.length > 0) throw usage('inject takes no operands: -i TEMPLATE -o FILE');
    const template = readTemplate(world, args.text('in'));
    if (template.items.length === 0) throw usage('there is no {{ stillvault://… }} in this template');
    const ask = askFrom(args);
    const file = args.text('out');
    const toTerminal = (file === undefined || file === '-') && world.isTerminal(1);
    if (toTerminal && !args.has('reveal'))
      throw usage('this would show secrets on the screen', 'pipe it into the program that needs it, write it with -o FILE, or add --reveal');
    const target = openTarget(file, args.text('in'), args.has('force'));
    await verifyKnown(client(), template);
    if (toTerminal) await verifyShowable(client(), template.items);
    const released = await awaitPeople({ world, output }, (waiting) => client().release({ items: template.items, ...ask }, waiting));
    releasedNote(output, released, world.now());
    write(template, released, target, (bytes) => output.data(bytes));
    if (target !== undefined) output.note(`wrote ${printable(target.path)} with ${counted(template.items.length, 'value')}; remove it when it has served`);
    return 0;
  },
};

function readTemplate(world: World, file: string | undefined): Template {
  if ((file === undefined || file === '-') && world.isTerminal(0)) throw usage('which template? -i TEMPLATE, or on standard input');
  const bytes = file === undefined || file === '-' ? world.readInput(maxTemplateBytes) : readFile(file);
  if (bytes.length > maxTemplateBytes) throw usage(`the template is longer than ${maxTemplateBytes} bytes`);
  try {
    return parseTemplate(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw error instanceof TypeError ? usage('the template is no UTF-8 text') : error;
  }
}

function readFile(file: string): Uint8Array {
  try {
    if (statSync(file).size > maxTemplateBytes) throw usage(`${printable(file)} is longer than ${maxTemplateBytes} bytes`);
    return readFileSync(file);
  } catch (error) {
    throw error instanceof Error && 'next' in error ? error : unreadable(file, error);
  }
}

/** With the line of the first that is not there, so that nobody is asked for half of a file. Throws usage. */
async function verifyKnown(client: Client, { parts, items }: Template): Promise<void> {
  if (items.length > 16) throw usage(`${items.length} secrets: one request holds at most 16`);
  const known = new Map((await client.list()).map((secret) => [secret.path, secret]));
  for (const part of parts) {
    if (typeof part === 'string') continue;
    const { item, line } = part;
    const secret = known.get(item.path);
    const missing =
      secret === undefined ? 'there is no such secret' : item.field !== undefined && !secret.fields.includes(item.field) ? 'it has no such field' : undefined;
    if (missing !== undefined) throw usage(`line ${line}: ${printable(nameOf(item))}: ${missing}; nobody was asked`, 'stillvault ls');
  }
}

function write(template: Template, { values }: Released, target: Target | undefined, print: (bytes: Uint8Array) => void): void {
  let content: Uint8Array | undefined;
  try {
    content = fillTemplate(template, values);
    if (target === undefined) print(content);
    else target.write(content);
  } finally {
    content?.fill(0);
    for (const { bytes } of values) bytes.fill(0);
  }
}

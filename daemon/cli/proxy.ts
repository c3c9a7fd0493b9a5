// `stillvault proxy`: the egress proxy standing, for programs that are started elsewhere (spec/16-proxy.md §command-line).
import { askOptions } from './get.ts';
import { openProxy, proxyRules } from './run/open-proxy.ts';
import { collectVariables } from './run/variables.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';

export const command: Command = {
  usage: ['proxy -e NAME=reference… [--listen 127.0.0.1:PORT] [options]'],
  examples: [
    ['stillvault proxy -e STRIPE_KEY=prod/stripe', 'prints the variables that make a program use it; Ctrl-C ends it'],
    ['stillvault proxy -e GH_TOKEN=prod/github#token --lazy --deny-unmatched', 'asks when a program first uses it, and lets nothing else out'],
    ['stillvault run --proxy -e STRIPE_KEY=prod/stripe -- npm test', 'the same for one program'],
  ],
  options: {
    env: { about: 'variable and the secret that its placeholder stands for', takes: 'NAME=REFERENCE', short: 'e', repeats: true },
    'env-file': { about: 'lines NAME=value; values that are stillvault://… get placeholders', takes: 'FILE', repeats: true },
    listen: { about: 'where: 127.0.0.1 and a port; any free one by default', takes: 'ADDRESS' },
    ...askOptions,
    ...proxyRules,
  },
  notes: [
    'Programs get placeholders. The value is put in on its way to a host that the\nsecret’s policy names, and taken out of answers. A program that does not use the\nproxy sends the placeholder. What is printed lets a program use the proxy: it is\nnot a value, but keep it to the programs that it is for.',
  ],
  async run(call) {
    const { args, world, output } = call;
    if (args.operands.length > 0) throw usage('proxy takes no operands; for one program: stillvault run --proxy -- program');
    const variables = collectVariables({}, args.all('env'), args.all('env-file'));
    const [, port] = /^127\.0\.0\.1:(\d{1,5})$/.exec(args.text('listen') ?? '127.0.0.1:0') ?? [];
    if (port === undefined || Number(port) > 65_535) throw usage('--listen takes 127.0.0.1:PORT: other machines have no business here');
    await using proxy = await openProxy(call, variables, Number(port));
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    using _signals = world.onSignals(['SIGINT', 'SIGTERM', 'SIGHUP'], () => resolve());
    const environment = { ...variables.plain, ...proxy.environment };
    if (output.json) output.jsonLine({ url: proxy.url, environment });
    else for (const [name, value] of Object.entries(environment)) output.data(`export ${name}='${value.replaceAll("'", "'\\''")}'\n`);
    output.note('the proxy runs; Ctrl-C ends it and forgets the values');
    await ended;
    return 0;
  },
};

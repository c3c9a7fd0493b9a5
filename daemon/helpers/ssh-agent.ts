// `stillvault helper ssh-agent`: lets the daemon serve an SSH agent for the mapped keys, and tells what happens (spec/14-helpers.md §ssh-agent).
// The keys never come here: this process only says which there are.
import { localPaths, type SshAgentAsk, type SshAgentEvent, type SshAgentKey } from '../../protocol/local-api.ts';
import { parseReference } from '../../sdk/client.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import { findDaemon, socketPaths } from '../../sdk/socket-path.ts';
import { createTransport } from '../../sdk/transport.ts';
import { parseArguments, usage } from '../cli/terminal/arguments.ts';
import { clientEnvironment } from '../cli/terminal/places.ts';
import { counted, printable } from '../cli/terminal/text.ts';
import { leaseOf } from './ask.ts';
import type { Helper, HelperCall } from './helper.ts';
import type { Entry } from './mapping.ts';

export const helper: Helper = {
  async run(call) {
    const { env, uid } = call.world;
    const args = parseArguments(call.words, {
      socket: { about: 'where ssh finds the agent', takes: 'PATH' },
      keys: { about: 'print the public keys, as for authorized_keys, and end' },
    });
    const keys = (await call.mapping()).filter(({ kind }) => kind === 'ssh-agent').map(keyOf);
    if (args.has('keys')) {
      call.world.write(1, keys.map((key) => `${key.public}\n`).join(''));
      return 0;
    }
    if (args.operands.length > 0) throw usage('the agent takes no operands');
    if (keys.length === 0) throw usage('no key is mapped', 'stillvault helper map ssh-agent ~/.ssh/id_ed25519.pub <reference>');
    const daemonEnv = clientEnvironment(env);
    const beside = findDaemon(socketPaths(daemonEnv, uid), daemonEnv, uid).replace(/[^/]*$/, 'ssh-agent.sock');
    const socket = args.text('socket') ?? beside;
    return serve(call, { socket: socket.startsWith('/') ? socket : `${env['PWD'] ?? ''}/${socket}`, keys });
  },
};

function keyOf(entry: Entry): SshAgentKey {
  const { path, field } = parseReference(entry.reference);
  return { path, ...(field === undefined ? {} : { field }), public: entry.match, ...leaseOf(entry) };
}

async function serve({ world, output }: HelperCall, ask: SshAgentAsk): Promise<number> {
  const ends = new AbortController();
  let told = false;
  using _signals = world.onSignals(['SIGINT', 'SIGTERM', 'SIGHUP'], () => {
    told = true;
    ends.abort(new StillvaultError('withdrawn', 'the agent ended'));
  });
  try {
    for await (const line of createTransport({ env: clientEnvironment(world.env) }).requestEvents('POST', localPaths.sshAgent, ask, ends.signal)) {
      const event = line as SshAgentEvent; // the daemon's word, as in sdk/client.ts
      if (output.json) output.jsonLine(event);
      if (event.event === 'serving') {
        if (!output.json) world.write(1, `SSH_AUTH_SOCK='${event.socket.replaceAll("'", String.raw`'\''`)}'; export SSH_AUTH_SOCK;\n`);
        output.note(`serving ${counted(ask.keys.length, 'key')}; Ctrl-C ends it`);
      } else output.note(textOf(event));
    }
  } catch (error) {
    if (!told) throw error;
    return 0;
  }
  throw new StillvaultError('daemon_not_running', 'the daemon ended, and the agent with it', { next: 'stillvault up' });
}

function textOf(event: Exclude<SshAgentEvent, { readonly event: 'serving' }>): string {
  const what = [...(event.path === undefined ? [] : [event.path]), ...(event.purpose === '' ? [] : [event.purpose])].map(printable).join(' · ');
  switch (event.event) {
    case 'asking':
      return `waiting for ${event.approvers.map(printable).join(', ')} · ${what} · code ${printable(event.code)}`;
    case 'signed':
      return `signed · ${what} · approved by ${event.approved_by.map(printable).join(' and ')}`;
    case 'refused':
      return `not signed · ${what === '' ? '' : `${what} · `}${printable(event.message)}`;
  }
}

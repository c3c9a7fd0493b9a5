// What `up` tells: where the console is, and what comes next whenever that changes.
import type { Status } from '../../../protocol/local-api.ts';
import { recoveryText } from '../recovery/text.ts';
import type { Output } from '../terminal/output.ts';
import { printable } from '../terminal/text.ts';
import type { Up } from './start.ts';

const lookMs = 250;

export function tellProgress(up: Up, output: Output): Disposable {
  const first = up.status();
  const address = first.state === 'not_enrolled' ? up.setup : up.console;
  if (output.json)
    output.jsonLine({ event: 'started', console: address, relay: up.relay, data: up.data, socket: up.socketPath, bin: up.bin, state: first.state });
  output.note(`Running, with the relay on ${up.relay}. Ctrl-C stops it.`);
  output.note(`In other terminals: export PATH="${printable(up.bin)}:$PATH"`);
  output.note(first.state === 'not_enrolled' ? 'Open the console and create your organisation with a passkey:' : 'The console:');
  if (!output.json) output.data(`  ${address}\n`);
  if (first.state !== 'not_enrolled') output.note(sayState(first));
  if (first.recovering) output.note(output.style.red(recoveryText(first.recovering)));

  let told = stateKey(first);
  const timer = setInterval(() => {
    const status = up.status();
    const key = stateKey(status);
    if (key === told) return;
    told = key;
    if (status.state !== 'not_enrolled') up.forgetSetup();
    if (output.json)
      output.jsonLine({
        event: status.state,
        ...(status.machine && { machine: status.machine }),
        ...(status.halted && { halted: status.halted }),
        ...(status.recovering && { recovering: status.recovering }),
      });
    output.note(sayState(status));
    if (status.recovering) output.note(output.style.red(recoveryText(status.recovering)));
  }, lookMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function stateKey({ state, halted, org, recovering }: Status): string {
  return `${state} ${halted ?? ''} ${org?.id ?? ''} ${recovering?.at ?? ''} ${recovering?.device ?? ''}`;
}

function sayState({ state, halted, machine, org }: Status): string {
  const name = printable(machine?.name ?? 'this machine');
  switch (state) {
    case 'not_enrolled':
      return 'This machine has no organisation.';
    case 'awaiting_admission':
      return `${name} waits for admission. Compare in the console, then admit it: ${printable(machine?.words ?? '')}`;
    case 'ready':
      return `${name} is admitted to ${printable(org?.name ?? '') || 'the organisation'}: ready. Next: stillvault put prod/db-primary`;
    case 'frozen':
      return 'The organisation is frozen: nothing is released until an admin unfreezes it in the console.';
    case 'halted':
      return `Halted (${printable(halted ?? 'unknown')}): nothing is released. Next: stillvault doctor`;
  }
}

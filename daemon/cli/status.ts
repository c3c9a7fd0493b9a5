// `stillvault status`: what the daemon is doing (spec/10-local-api.md §calls).
import type { Status } from '../../protocol/local-api.ts';
import { recoveryText } from './recovery/text.ts';
import type { Command } from './terminal/command.ts';
import { counted, dateTime, printable, table } from './terminal/text.ts';

export const command: Command = {
  usage: ['status'],
  examples: [
    ['stillvault status', 'organisation, relay, leases, requests under way'],
    ['stillvault status --json | jq -r .state', 'not_enrolled, awaiting_admission, ready, frozen or halted'],
  ],
  options: {},
  async run({ output, client }) {
    const status = await client().status();
    if (output.json) output.jsonLine(status);
    else output.data(table(statusRows(status)));
    const next = nextStep(status);
    if (next !== undefined) output.note(`next: ${next}`);
    return 0;
  },
};

function statusRows({
  version,
  state,
  halted,
  recovering,
  pid,
  startedAt,
  org,
  machine,
  relay,
  log,
  pending,
  leases,
  custody,
  identity,
  verifying,
  memoryBytes,
}: Status): readonly (readonly string[])[] {
  return [
    ['state', state.replaceAll('_', ' ') + (halted === undefined ? '' : `: ${printable(halted)}`)],
    ...(recovering === undefined ? [] : [['recovery', recoveryText(recovering)]]),
    ...(org === undefined ? [] : [['org', `${printable(org.name)} (${printable(org.id.slice(0, 16))}…)`]]),
    ...(machine === undefined ? [] : [['machine', `${printable(machine.name)} · ${printable(machine.words)}`]]),
    ...(relay === undefined ? [] : [['relay', `${printable(relay.url)} ${relayState(relay)}`]]),
    ...(log === undefined ? [] : [['log', `entry ${log.seq} ${printable(log.head.slice(0, 16))}…, synced ${dateTime(log.syncedAt)}`]]),
    ...(verifying === undefined ? [] : [['verifying', `entry ${verifying.done} of ${verifying.of} of the log`]]),
    ['requests', `${pending} waiting`],
    ['leases', counted(leases, 'live lease')],
    ...(custody === undefined ? [] : custodyRows(custody)),
    ['requesters', identity === 'pidfd' ? 'identified by the kernel (pidfd)' : 'unverified: this kernel has no pidfd of a peer'],
    ['daemon', `${printable(version)}, pid ${pid}, since ${dateTime(startedAt)}, ${Math.round(memoryBytes / 1_048_576)} MiB`],
  ];
}

function custodyRows({ waiting, machines, devices, exposed }: NonNullable<Status['custody']>): readonly (readonly string[])[] {
  const who = [machines > 0 ? counted(machines, 'machine') : '', devices > 0 ? counted(devices, 'device') : ''].filter((text) => text !== '').join(' and ');
  return [
    ...(waiting === 0
      ? []
      : [['custody', `${who || 'the recovery kit'} wait${machines + devices > 1 ? '' : 's'} for a part of ${counted(waiting, 'secret')}`]]),
    ...(exposed === 0 ? [] : [['exposed', `${counted(exposed, 'secret')} to renew: stillvault ls --exposed, stillvault rotate --exposed`]]),
  ];
}

function relayState({ connected, since, lastError }: NonNullable<Status['relay']>): string {
  const error = lastError === undefined ? '' : `: ${printable(lastError)}`;
  return `${connected ? 'connected' : 'away'} since ${dateTime(since)}${connected ? '' : error}`;
}

/** What a person would do now, in each state. */
export function nextStep({ state, machine, relay }: Pick<Status, 'state' | 'machine' | 'relay'>): string | undefined {
  switch (state) {
    case 'not_enrolled':
      return 'stillvault org create, or stillvault join with a token from the console';
    case 'awaiting_admission':
      return `admit this machine in the console; compare the words: ${printable(machine?.words ?? '')}`;
    case 'frozen':
      return 'the organisation is frozen: an admin unfreezes it in the console';
    case 'halted':
      return 'stillvault doctor';
    case 'ready':
      return relay?.connected === false ? 'stillvault doctor' : undefined;
  }
}

// What doctor asks the others: the daemon, the relay, the console.
import type { Status } from '../../../protocol/local-api.ts';
import type { Client } from '../../../sdk/client.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import { findDaemon, socketPaths } from '../../../sdk/socket-path.ts';
import { nextStep } from '../status.ts';
import { toStillvaultError } from '../terminal/output.ts';
import type { World } from '../terminal/world.ts';
import { readRunning } from '../up/running.ts';
import type { Finding } from '../doctor.ts';

const answerMs = 5_000;
/** Beyond five minutes signatures are refused; said earlier than that. */
const maxSkewMs = 60_000;

export async function checkDaemon(
  client: Client,
  env: Readonly<Record<string, string | undefined>>,
  { version, uid }: World,
): Promise<{ readonly status: Status | undefined; readonly findings: readonly Finding[] }> {
  let socket: string;
  try {
    socket = findDaemon(socketPaths(env, uid), env, uid);
  } catch (error) {
    return { status: undefined, findings: [failure('socket', error)] };
  }
  const found: Finding = { name: 'socket', result: 'ok', message: socket };
  try {
    const status = await client.status();
    return { status, findings: [found, ...daemonFindings(status, version)] };
  } catch (error) {
    return { status: undefined, findings: [found, failure('daemon', error)] };
  }
}

function daemonFindings(status: Status, version: string): readonly Finding[] {
  const { state, halted, identity, org, machine } = status;
  const next = nextStep(status);
  const enrolled = state === 'ready' || state === 'frozen';
  return [
    status.version === version
      ? { name: 'daemon', result: 'ok', message: `version ${version}, pid ${status.pid}` }
      : { name: 'daemon', result: 'failed', message: `version ${status.version}, this program ${version}`, next: 'restart the daemon' },
    identity === 'pidfd'
      ? { name: 'identity', result: 'ok', message: 'the kernel tells who asks (pidfd)' }
      : {
          name: 'identity',
          result: 'hint',
          message: 'this kernel has no pidfd of a peer: requesters count as unverified, tier high is refused',
          next: 'Linux 6.5 or newer',
        },
    enrolled
      ? { name: 'enrolment', result: 'ok', message: `${machine?.name ?? 'this machine'} of ${org?.name || 'the organisation'}` }
      : {
          name: 'enrolment',
          result: 'failed',
          message: state.replaceAll('_', ' ') + (halted === undefined ? '' : `: ${halted}`),
          next: state === 'halted' ? haltedNext(halted) : (next ?? 'stillvault status'),
        },
    ...(state === 'frozen'
      ? [
          {
            name: 'freeze',
            result: 'failed',
            message: 'the organisation is frozen: nothing is released',
            next: 'an admin unfreezes it in the console',
          } as const,
        ]
      : []),
  ];
}

function haltedNext(code: string | undefined): string {
  if (code === 'E_MACHINE_REVOKED') return 'this machine was revoked: move its state folder away, then join with a new token';
  if (code === 'E_FORK' || code === 'E_LOG_ROLLBACK')
    return 'the relay showed two histories: keep the state folder as evidence, tell every admin, then: stillvault log resume';
  return 'keep the state folder and tell an admin the code; stillvault log resume shows at what it stopped';
}

/** Reached at all, ready, and with the same idea of the time. */
export async function checkRelay(status: Status | undefined, data: string, { now }: World): Promise<readonly Finding[]> {
  const url = status?.relay?.url ?? readRunning(data)?.relay;
  if (url === undefined) return [{ name: 'relay', result: 'hint', message: 'none known yet: it comes with the token of join' }];
  const sent = now();
  let answer: Response;
  try {
    answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(answerMs), redirect: 'error' });
  } catch {
    return [{ name: 'relay', result: 'failed', message: `${url} does not answer`, next: 'check the network and the relay; live leases still work' }];
  }
  const ms = now() - sent;
  const findings: Finding[] = [
    answer.ok
      ? { name: 'relay', result: 'ok', message: `${url} is ready, ${ms} ms` }
      : { name: 'relay', result: 'failed', message: `${url} answers ${answer.status} to /readyz`, next: 'tell whoever runs it: stillvault relay check' },
  ];
  if (status?.relay?.connected === false)
    findings.push({
      name: 'connection',
      result: 'failed',
      message: `the daemon is not connected${status.relay.lastError === undefined ? '' : `: ${status.relay.lastError}`}`,
      next: 'it tries again by itself; stillvault status',
    });
  // The header has whole seconds: half of one, and half of the way there, are uncertain.
  const skewMs = Date.parse(answer.headers.get('date') ?? '') + 500 - (sent + ms / 2);
  if (Number.isNaN(skewMs)) findings.push({ name: 'clock', result: 'hint', message: 'the relay does not tell its time' });
  else if (Math.abs(skewMs) > maxSkewMs)
    findings.push({
      name: 'clock',
      result: 'failed',
      message: `this machine and the relay differ by ${Math.round(Math.abs(skewMs) / 1_000)} s`,
      next: 'set the clock, such as: timedatectl set-ntp true',
    });
  else findings.push({ name: 'clock', result: 'ok', message: `within ${Math.max(1, Math.ceil(Math.abs(skewMs) / 1_000))} s of the relay's` });
  return findings;
}

/** Whether a browser has passkeys with PRF only the browser can say. */
export async function checkConsole(data: string): Promise<readonly Finding[]> {
  const running = readRunning(data);
  const hint = 'checks your browser for passkeys with PRF first';
  if (running === undefined) return [{ name: 'console', result: 'hint', message: `none of stillvault up here; the one of your organisation ${hint}` }];
  try {
    const answer = await fetch(`${running.console}/local/config.json`, { signal: AbortSignal.timeout(answerMs), redirect: 'error' });
    const config: unknown = await answer.json();
    if (typeof config === 'object' && config !== null && 'relay' in config) return [{ name: 'console', result: 'ok', message: `${running.console} ${hint}` }];
  } catch {
    // said below
  }
  return [{ name: 'console', result: 'hint', message: `${running.console} is not served now`, next: 'stillvault up' }];
}

function failure(name: string, error: unknown): Finding {
  const { message, next, detail } = error instanceof StillvaultError ? error : toStillvaultError(error);
  return { name, result: 'failed', message: detail === undefined ? message : `${message} (${detail})`, ...(next === undefined ? {} : { next }) };
}

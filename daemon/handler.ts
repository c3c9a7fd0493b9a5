// The calls of the local API (spec/10-local-api.md §calls): who may ask is settled before, what they get is decided here.
import { type JoinAsk, type JoinResult, type LogVerified, type Status, localPaths } from '../protocol/local-api.ts';
import { type LogStop, adminPaths } from '../protocol/local-api/admin.ts';
import { sendAudit } from './audit.ts';
import { heldPaths } from '../protocol/local-api/held.ts';
import { DaemonError } from './errors.ts';
import { awaitAsk, joinAsk, leaseEnd, logResume, needAsk, needWithdraw, putAsk, releaseAsk, sshAgentAsk, withdrawAsk } from './intake/asks.ts';
import type { Ask, Handler } from './intake/connection.ts';
import type { OrgState } from '../protocol/org-log/state.ts';
import { accessSummary, orgSummary } from './admin/views.ts';
import { changeAsk } from './intake/admin-asks.ts';
import { planChange, proposeChange } from './requests/changes.ts';
import { put } from './requests/put.ts';
import { release } from './requests/desk.ts';
import type { Service } from './service.ts';
import { serveSshAgent } from './ssh-agent/serve.ts';
import { logLines, secretInfo, secretSummaries } from './views.ts';

export interface HandlerDeps {
  /** Undefined until this machine has enrolled. */
  readonly service: () => Service | undefined;
  readonly status: () => Status;
  readonly join: (ask: JoinAsk) => Promise<JoinResult>;
  /** Re-verifies the stored log from genesis. */
  readonly verifyLog: (service: Service) => Promise<LogVerified>;
  readonly logStop: (service: Service) => LogStop;
  /** Passes over the record at which the log stopped, and goes on. */
  readonly resumeLog: (record: string) => Promise<Status>;
}

export function createHandler(deps: HandlerDeps): Handler {
  const service = (): Service => {
    const running = deps.service();
    if (!running)
      throw new DaemonError('not_enrolled', 'E_NOT_ENROLLED', 'this machine belongs to no organisation yet', {
        next: 'make a token in the console, under Machines, then: stillvault join',
      });
    return running;
  };
  const state = (running: Service): OrgState => {
    const known = running.link.log.state;
    if (!known) throw new DaemonError('unreachable', 'E_RELAY_UNREACHABLE', 'the organisation’s log has not been read yet', { next: 'stillvault doctor' });
    return known;
  };

  const shown = (running: Service): OrgState => running.link.shown() ?? state(running);

  const calls: Readonly<Record<string, (ask: Ask) => Promise<void>>> = {
    [`GET ${localPaths.status}`]: async (ask) => ask.reply.json(deps.status()),
    [`POST ${localPaths.join}`]: async (ask) => ask.reply.json(await deps.join(await ask.body(joinAsk))),
    [`GET ${localPaths.secrets}`]: async (ask) => ask.reply.json(secretSummaries(shown(service()), service().machine)),
    [`GET ${localPaths.secretInfo}`]: async (ask) => ask.reply.json(secretInfo(shown(service()), service().machine, ask.query.get('path') ?? '')),
    [`POST ${localPaths.release}`]: async (ask) => release(service().desk, ask, await ask.body(releaseAsk)),
    [`POST ${heldPaths.file}`]: async (ask) => ask.reply.json(await service().held.file(ask, await ask.body(releaseAsk))),
    [`POST ${heldPaths.await}`]: async (ask) => service().held.take(ask, await ask.body(awaitAsk)),
    [`POST ${heldPaths.withdraw}`]: async (ask) => ask.reply.json(await service().held.withdraw(ask, (await ask.body(withdrawAsk)).handle)),
    [`POST ${localPaths.put}`]: async (ask) => put(service().desk, ask, await ask.body(putAsk)),
    [`GET ${adminPaths.org}`]: async (ask) => ask.reply.json(orgSummary(shown(service()), service().machine)),
    [`GET ${adminPaths.policyCheck}`]: async (ask) =>
      ask.reply.json(accessSummary(state(service()), ask.query, (await import('./cli/terminal/nearest.ts')).nearest, service().desk.now())),
    [`POST ${adminPaths.plan}`]: async (ask) =>
      ask.reply.json(planChange(service().desk, await ask.body(changeAsk), (await import('./cli/terminal/nearest.ts')).nearest)),
    [`POST ${adminPaths.changes}`]: async (ask) =>
      proposeChange(service().desk, ask, await ask.body(changeAsk), (await import('./cli/terminal/nearest.ts')).nearest),
    [`POST ${localPaths.needs}`]: async (ask) => service().needs.file(ask, await ask.body(needAsk)),
    [`GET ${localPaths.needs}`]: async (ask) => ask.reply.json(await service().needs.list()),
    [`GET ${localPaths.needsAwait}`]: async (ask) => service().needs.follow(ask, ask.query.get('path') ?? ''),
    [`POST ${localPaths.needsWithdraw}`]: async (ask) => ask.reply.json(await service().needs.withdraw((await ask.body(needWithdraw)).path)),
    [`POST ${localPaths.sshAgent}`]: async (ask) => serveSshAgent(() => service().desk, ask, await ask.body(sshAgentAsk)),
    [`GET ${localPaths.leases}`]: async (ask) => ask.reply.json(deps.service()?.leases.list() ?? []),
    [`POST ${localPaths.leasesEnd}`]: async (ask) => {
      const { id } = await ask.body(leaseEnd);
      const { leases } = service();
      const ended = leases.list().filter((lease) => id === undefined || lease.id === id);
      if (id !== undefined && ended.length === 0)
        throw new DaemonError('not_found', 'E_NOT_FOUND', 'there is no live lease with this id', { next: 'stillvault lease ls' });
      for (const lease of ended) leases.end(lease.id as never, 'ended-locally'); // ids of live leases
      ask.reply.json(ended);
    },
    [`GET ${localPaths.log}`]: async (ask) => {
      const running = service();
      const from = Number(ask.query.get('from') ?? 0);
      if (!Number.isSafeInteger(from) || from < 0) throw new DaemonError('usage', 'E_ASK', 'from must be a number of an entry');
      ask.reply.json(logLines(state(running), await running.link.log.read(from, from + 1_000)));
    },
    [`GET ${localPaths.audit}`]: async (ask) => {
      state(service());
      await sendAudit(service(), ask);
    },
    [`POST ${localPaths.logVerify}`]: async (ask) => ask.reply.json(await deps.verifyLog(service())),
    [`GET ${adminPaths.logStop}`]: async (ask) => ask.reply.json(deps.logStop(service())),
    [`POST ${adminPaths.logResume}`]: async (ask) => {
      const { record } = await ask.body(logResume);
      service();
      ask.reply.json(await deps.resumeLog(record));
    },
  };
  return async (ask) => {
    const call = calls[`${ask.method} ${ask.path}`];
    if (!call) throw new DaemonError('not_found', 'E_PATH', 'there is no such call', { next: 'see spec/10-local-api.md' });
    await call(ask);
  };
}

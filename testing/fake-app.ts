// An App without keys and network, for looking at the screens: its state comes from testing/fake-states.ts, its acts change that state.
import type { App, AppFailure, CreateStep, InviteSession, OrgView, Phase, ReviewCard } from '../console/app.ts';
import { createFakeRules } from './fake-rules.ts';
import { createFakeRecovery } from './fake-recovery.ts';
import { type FakeState, machineIds, orgView } from './fake-states.ts';

export interface FakeApp extends App {
  /** Everything that was called, in order. */
  readonly calls: readonly string[];
  change(next: (org: OrgView) => OrgView): void;
}

const hereWords = 'copper lantern quiet harbour velvet island';

/** Where `hold` is set, slow acts stay at their step for ever, so that it can be looked at. */
export function createFakeApp(state: FakeState): FakeApp {
  const listeners = new Set<() => void>();
  const calls: string[] = [];
  let phase: Phase = state.phase;
  let org = state.org;
  const changed = (): void => listeners.forEach((listener) => listener());
  const change = (next: (view: OrgView) => OrgView): void => {
    if (org) org = next(org);
    changed();
  };
  const changeCard = (id: string, part: Partial<ReviewCard>): void =>
    change((view) => ({ ...view, inbox: view.inbox.map((card) => (card.requestId === id ? { ...card, ...part } : card)) }));
  const outcome = 'done';
  const act = async (name: string): Promise<void> => {
    calls.push(name);
    const failure = state.failures?.[name];
    if (failure) throw failed(failure);
    if (state.hold === name) await new Promise(() => undefined);
  };
  const recovery = createFakeRecovery(state.recovery ?? {}, act, changed);
  return {
    calls,
    change,
    phase: () => phase,
    org: () => org,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    audit: async (progress) => {
      progress(41, 9);
      await act('audit');
      return state.audit ?? { entries: 42, receipts: 9, findings: [] };
    },
    checkSupport: async () => {
      if (state.hold === 'checkSupport') await new Promise(() => undefined);
      return state.unsupported ? { ok: false, failure: state.unsupported } : { ok: true };
    },
    createOrg: async ({ orgName, memberName, deviceName }, progress) => {
      const steps: readonly CreateStep[] = ['checking-passkeys', 'passkey-created', 'passkey-verified', 'signing-organisation', 'storing', 'done'];
      for (const step of steps) {
        progress(step);
        if (step === state.holdStep) await new Promise(() => undefined);
      }
      await act('createOrg');
      phase = { kind: 'ready' };
      org = orgView({
        name: orgName,
        me: { ...orgView().me, name: memberName, device: deviceName },
        inbox: [],
        secrets: [],
        leases: [],
        machines: [],
        history: [],
      });
      changed();
    },
    enrolMachine: async ({ here }) => {
      await act('enrolMachine');
      if (here)
        change((view) => ({
          ...view,
          machines: [{ id: machineIds.laptop, name: 'ana-laptop', status: 'enrolled', words: hereWords, since: state.now, groups: [] }],
        }));
      return {
        token: 'svt1-7Q4F-2K9D',
        command: 'stillvault join svt1_b64Zq8XnVw2Jf0RrT5yUo7KpLmA3cD9eGh1iSxWvNtQ6',
        expiresAt: state.now + 3_600_000,
        ...(here ? { here: { machine: machineIds.laptop, words: hereWords } } : {}),
      };
    },
    canEnrolHere: () => state.canEnrolHere ?? false,
    admitMachine: async (machine, words) => {
      await act(`admitMachine ${words}`);
      change((view) => ({ ...view, machines: view.machines.map((row) => (row.id === machine ? { ...row, status: 'active' } : row)) }));
    },
    revokeMachine: async (machine) => {
      await act('revokeMachine');
      change((view) => ({ ...view, machines: view.machines.map((row) => (row.id === machine ? { ...row, status: 'revoked' } : row)) }));
    },
    revokeDevice: async (device) => {
      await act('revokeDevice');
      change((view) => ({ ...view, members: view.members.map((row) => ({ ...row, devices: row.devices.filter(({ id }) => id !== device) })) }));
    },
    approve: async (requestId, terms, code, progress) => {
      calls.push(`approve ${requestId} ${terms.ttlS} ${code ?? ''}`.trim());
      for (const step of ['verifying-user', 'sealing', 'sent'] as const) {
        progress(step);
        if (step === state.holdStep) await new Promise(() => undefined);
      }
      await act('approve');
      progress('released');
      changeCard(requestId, {
        outcome: { kind: 'released', by: ['ana'], at: state.now, ...(terms.ttlS > 0 ? { until: state.now + terms.ttlS * 1_000 } : {}) },
      });
    },
    deny: async (requestId, mute, note) => {
      await act(`deny ${requestId}${mute ? ' mute' : ''}${note ? ` ${note}` : ''}`);
      changeCard(requestId, { outcome: { kind: 'denied', by: ['ana'], at: state.now } });
    },
    shown: (requestId) => void (calls.includes(`shown ${requestId}`) || calls.push(`shown ${requestId}`)),
    fillNeed: async (requestId) => {
      await act(`fillNeed ${requestId}`);
      changeCard(requestId, { outcome: { kind: 'stored', by: ['ana'], at: state.now } });
    },
    putSecret: async ({ path }) => act(`putSecret ${path}`),
    retireSecret: async (secret) => {
      await act('retireSecret');
      change((view) => ({ ...view, secrets: view.secrets.filter(({ id }) => id !== secret) }));
    },
    shareSecrets: async ({ ids, progress, ready }) => {
      calls.push(`shareSecrets ${ids?.length ?? 'all'}`);
      const waiting = org?.secrets.filter(({ id, sharable }) => sharable.length > 0 && (ids?.includes(id) ?? true)).length ?? 0;
      progress?.(Math.ceil(waiting / 3), waiting);
      await act('shareSecrets');
      await ready?.();
      change((view) => ({ ...view, secrets: view.secrets.map((row) => ((ids?.includes(row.id) ?? true) ? { ...row, waiting: [], sharable: [] } : row)) }));
      return waiting;
    },
    close: () => listeners.clear(),
    endLease: async (lease) => {
      await act('endLease');
      change((view) => ({ ...view, leases: view.leases.filter(({ id }) => id !== lease) }));
    },
    freeze: async () => {
      await act('freeze');
      change((view) => ({ ...view, frozen: true }));
      return 'done';
    },
    unfreeze: async () => {
      await act('unfreeze');
      change((view) => ({ ...view, frozen: false }));
      return 'done';
    },
    invite: async () => {
      await act('invite');
      return session(state, 'https://vault.example.org/#invite=AQEBmK3rV8sT0pQ7yZcN5wXhLd2gJfUa9eRiOb6tMvHk1nD4EoSxPzCqWuYj');
    },
    joinByInvite: async (link) => {
      await act(`join ${link.includes('join') ? 'link' : link}`);
      return session(state);
    },
    ...createFakeRules(() => org, act, undefined),
    setRoles: async (_member, roles) => act(`setRoles ${roles.join()}`).then(() => outcome),
    passOver: async () => {
      await act('passOver');
      phase = { kind: 'ready' };
      changed();
    },
    recovery: () => Promise.resolve(recovery),
    stopRecovering: async () => {
      await act('stopRecovering');
      phase = { kind: 'welcome' };
      changed();
    },
    stopWaiting: async () => {
      await act('stopWaiting');
      phase = { kind: 'welcome' };
      changed();
    },
    setTerms: async () => act('setTerms').then(() => outcome),
    removeMember: async (member) => {
      await act('removeMember');
      change((view) => ({ ...view, members: view.members.filter(({ id }) => id !== member) }));
    },
    lossOf: () => state.loss ?? { rules: [], unreachable: [], exposed: [], machines: [], lastAdmin: false },
    setGroup: async ({ name }) => act(`setGroup ${name}`).then(() => outcome),
    setMachine: async () => act('setMachine'),
    models: async () => [{ aaguid: 'ee882879-721c-4913-9775-3dfcce97072a', name: 'YubiKey 5 Series', roots: 1 }],
    loadModels: async () => act('loadModels').then(() => [{ aaguid: 'ee882879-721c-4913-9775-3dfcce97072a', name: 'YubiKey 5 Series', roots: 1 }]),
    seenNews: async (seq) => {
      await act('seenNews');
      change((view) => ({ ...view, news: view.news.filter((row) => row.seq > seq) }));
    },
    agreeDraft: async (draft) => {
      await act('agreeDraft');
      change((view) => ({ ...view, drafts: view.drafts.filter(({ id }) => id !== draft) }));
      return 'done';
    },
    refuseDraft: async (draft) => {
      await act('refuseDraft');
      change((view) => ({ ...view, drafts: view.drafts.filter(({ id }) => id !== draft) }));
    },
  };
}

function session(state: FakeState, link?: string): InviteSession {
  const codes = state.hold === 'codes' ? new Promise<never>(() => undefined) : Promise.resolve({ digits: '482913', words: 'amber falcon tide' });
  return { codes, confirm: async () => 'done', cancel: () => undefined, ...(link === undefined ? {} : { link }) };
}

function failed(failure: AppFailure): Error & { failure: AppFailure } {
  return Object.assign(new Error(failure.what), { failure });
}

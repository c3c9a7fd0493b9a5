// The recovery kit without keys and network, for looking at its screens: sheets of a made-up kit, a log that says what the state says. Never shipped.
import type { KitStatus, OpenedKit, RecoveryApp, ResealRow } from '../console/recovery/contract.ts';
import type { MemberId, SecretId } from '../protocol/hash.ts';
import type { KitShare } from '../protocol/recovery.ts';

const idOf = (seed: number): string => seed.toString(16).padStart(2, '0').repeat(16);

/** What the screens of the kit are to show. */
export interface FakeRecovery {
  readonly status?: KitStatus;
  readonly reseal?: readonly ResealRow[];
  readonly rules?: readonly string[];
  readonly isKitHere?: boolean;
  readonly opened?: Partial<OpenedKit>;
}

export const fakeKit = '5b1f9c04';
/** Sheets whose words stay the same in every picture. */
export function fakeShares(t: number, m: number): readonly KitShare[] {
  return Array.from({ length: m }, (_, index) => ({
    kit: fakeKit,
    t,
    m,
    x: index + 1,
    share: new Uint8Array(32).map((__, at) => (at * 37 + index * 101 + 11) & 255),
  }));
}

export function createFakeRecovery(
  { status, reseal = [], rules = [], isKitHere = false, opened = {} }: FakeRecovery,
  act: (name: string) => Promise<void>,
  enter: () => void,
): RecoveryApp {
  const kit: OpenedKit = {
    org: { id: 'c4'.repeat(32) as never, name: 'Kestrel Works' }, // an id of the picture
    delayMs: 86_400_000,
    frozen: false,
    members: [
      { id: idOf(4) as MemberId, name: 'ana', roles: ['admin', 'approver', 'writer'], devices: 1 },
      { id: idOf(5) as MemberId, name: 'ben', roles: ['approver'], devices: 2 },
    ],
    announce: async () => {
      await act('announce');
      enter();
      return 'waiting';
    },
    finish: async () => act('finish'),
    ...opened,
  };
  let rows = reseal;
  return {
    status: () => Promise.resolve(status),
    make: async (terms) => ({
      ...terms,
      kit: fakeKit,
      shares: fakeShares(terms.t, terms.m),
      set: () => act(`setKit ${terms.t} ${terms.m} ${terms.delayMs}`).then(() => 'done'),
    }),
    complete: () => act('completeKit'),
    drill: () => act('drill'),
    open: async ({ org }) => {
      await act(`openKit ${org.slice(0, 8)}`);
      return kit;
    },
    hold: () => act('hold'),
    forget: () => undefined,
    walk: () => ({ reseal: rows, rules, isKitHere }),
    reseal: async (ids, progress) => {
      progress(1);
      await act('reseal');
      rows = rows.filter(({ id }) => !ids.includes(id));
      return { done: ids.length, failed: [] };
    },
  };
}

export const fakeReseal: readonly ResealRow[] = [
  { id: idOf(1) as SecretId, path: 'prod/db-primary', state: 'ready' },
  { id: idOf(2) as SecretId, path: 'prod/stripe-live', state: 'ready' },
  { id: idOf(3) as SecretId, path: 'prod/signing/release-key', state: 'no-rule' },
  { id: idOf(4) as SecretId, path: 'staging/old-token', state: 'no-kit' },
];

// The states that the console can be in, richly filled: what the gallery shows and the accessibility tests go through.
import type {
  AppFailure,
  AuditReport,
  CreateStep,
  ApproveStep,
  HistoryRow,
  LeaseRow,
  MachineRow,
  MemberRow,
  OrgView,
  Phase,
  ReviewCard,
  SecretRow,
} from '../console/app.ts';
import { fakeRule } from './fake-rules.ts';
import type { DraftRow, LossRow, NewsRow } from '../console/app-people.ts';
import type { DeviceId, GroupId, Hash, LeaseId, MachineId, MemberId, OrgId, RequestId, SecretId } from '../protocol/hash.ts';
import { type Observed, once } from '../protocol/request.ts';
import type { FakeRecovery } from './fake-recovery.ts';
import { recoveryStates } from './fake-recovery-states.ts';

export interface FakeState {
  readonly now: number;
  readonly phase: Phase;
  readonly org: OrgView | undefined;
  /** Address below `#`. */
  readonly at: string;
  readonly unsupported?: AppFailure;
  readonly canEnrolHere?: boolean;
  /** An act, by its name, that never ends; a step at which creating or approving stops. */
  readonly hold?: string;
  readonly holdStep?: CreateStep | ApproveStep;
  readonly failures?: Readonly<Record<string, AppFailure>>;
  readonly recovery?: FakeRecovery;
  /** What the audit finds. */
  readonly audit?: AuditReport;
  /** What is lost with whom it is asked of. */
  readonly loss?: LossRow;
}

/** Monday, 23 November 2026, 12:00:00 UTC. */
export const noon: number = Date.UTC(2026, 10, 23, 12, 0, 0);
const minute = 60_000;
const hour = 60 * minute;
const hex = (seed: number, length: number): string => {
  let state = seed;
  return Array.from({ length }, () => (((state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) >> 16) & 15).toString(16)).join('');
};
// Ids are minted here: nothing checks them.
export const machineIds = { build: hex(1, 32) as MachineId, laptop: hex(2, 32) as MachineId, edge: hex(3, 32) as MachineId };
const memberIds = { ana: hex(4, 32) as MemberId, ben: hex(5, 32) as MemberId, cem: hex(6, 32) as MemberId };
// A seed for each device of the people above.
const deviceIds = { phone: hex(41, 32) as DeviceId, laptop: hex(42, 32) as DeviceId, ben: hex(43, 32) as DeviceId, cem: hex(44, 32) as DeviceId };
const groupIds = { oncall: hex(45, 32) as GroupId, ci: hex(46, 32) as GroupId }; // as above
const hashOf = (seed: number): Hash => hex(seed, 64) as Hash;
const requestIdOf = (seed: number): RequestId => hex(seed, 32) as RequestId;

export const psql: Observed = {
  uid: 1000,
  user: 'deploy',
  pid: 48_213,
  startedAt: noon - 4_000,
  exe: '/usr/lib/postgresql/16/bin/psql',
  exeHash: hashOf(11),
  argv: ['psql', '-h', 'db1.internal', '-U', 'app', '-d', 'orders', '-f', 'migrations/0042_add_index.sql'],
  cwd: '/srv/orders',
  ancestors: [
    { pid: 48_190, exe: '/usr/bin/bash', argv: ['bash', '-c', 'psql -h db1.internal …'] },
    { pid: 47_002, exe: '/usr/local/bin/claude', argv: ['claude', '--continue'] },
    { pid: 46_800, exe: '/usr/bin/tmux', argv: ['tmux', 'new', '-s', 'work'] },
    { pid: 1, exe: '/usr/lib/systemd/systemd', argv: ['/sbin/init'] },
  ],
  namespaces: 'same',
  terminal: 'tty',
  identity: 'pidfd',
  anchor: 0,
};

/** The usual way: an agent starts our own command, which asks for it. */
export const running: Observed = {
  ...psql,
  exe: '/usr/local/bin/stillvault',
  argv: ['stillvault', 'run', '-e', 'PGPASSWORD=prod/db-primary', '--', 'psql', '-d', 'orders', '-f', 'migrations/0042_add_index.sql'],
  anchor: 1,
};

export function card(seed: number, part: Partial<ReviewCard> = {}): ReviewCard {
  return {
    requestId: requestIdOf(seed),
    rh: hashOf(seed),
    kind: 'release',
    matchCode: '47',
    machine: { id: machineIds.build, name: 'build-7' },
    items: [{ path: 'prod/db-primary', version: 4, description: 'Orders database, read and write', mixedScripts: false }],
    observed: running,
    claimed: { agent: 'Claude Code', reason: 'Run migration 0042, which adds the index that the slow orders query needs.' },
    lease: { ttlS: 3_600, uses: 20, scope: 'process' },
    leaseChoices: [
      { label: 'Once', terms: once },
      { label: '15 min, up to 20 uses, this process and what it starts', terms: { ttlS: 900, uses: 20, scope: 'process' } },
      { label: '1 h, up to 20 uses, this process and what it starts', terms: { ttlS: 3_600, uses: 20, scope: 'process' } },
    ],
    unusual: [],
    issuedAt: noon - 19_000,
    expiresAt: noon + 161_000,
    needed: 1,
    tier: 'normal',
    matchRequired: false,
    lines: [
      'who psql on build-7',
      'what prod/db-primary, version 4, read',
      'for psql -h db1.internal -U app -d orders -f migrations/0042_add_index.sql',
      'why Run migration 0042, which adds the index that the slow orders query needs.',
    ],
    ...part,
  };
}

const deepFolder = '/home/ana/.local/share/agents/workspaces/orders-service/worktrees/feature-billing-reconciliation-2026/node_modules/.bin';
export const longCard: ReviewCard = card(22, {
  items: ['prod/db-primary', 'prod/stripe-live', 'prod/billing/reconciliation-service/webhook-signing-key', 'prod/s3-exports', 'prod/smtp'].map(
    (path, index) => ({
      path,
      version: index + 1,
      description: index === 2 ? 'Signs the webhooks that the bank sends' : '',
      mixedScripts: false,
      ...(index === 1 ? { field: 'secret_key' } : {}),
    }),
  ),
  observed: {
    ...psql,
    exe: '/usr/bin/node',
    script: `${deepFolder}/reconcile-ledger`,
    scriptHash: hashOf(12),
    cwd: deepFolder,
    argv: [
      'node',
      `${deepFolder}/reconcile-ledger`,
      '--from',
      '2026-01-01',
      '--to',
      '2026-11-22',
      '--ledger',
      's3://exports-eu-central-1/ledger/2026/november/ledger-full-export.parquet',
      '--query',
      "select * from ledger where account = 'O''Brien & Sons' and booked_at > now() - interval '30 days'",
      '--write',
      '--notify',
      'finance@example.org',
      '--retries',
      '5',
      '--parallel',
      '8',
      '--json',
    ],
  },
  unusual: ['first time for this program', 'new binary'],
  claimed: {
    agent: 'Codex',
    reason: 'Reconcile the November ledger with Stripe, write the differences to S3 and mail a summary to the finance team, as asked in BILL-2218.',
  },
});

export const highCard: ReviewCard = card(23, {
  tier: 'high',
  matchRequired: true,
  matchCode: '83',
  needed: 2,
  leaseChoices: [{ label: 'Once', terms: once }],
  lease: once,
  items: [{ path: 'prod/signing/release-key', version: 2, description: 'Signs what customers install', mixedScripts: false }],
  observed: {
    ...psql,
    exe: '/usr/bin/python3.12',
    script: '/srv/release/sign.py',
    scriptHash: hashOf(13),
    argv: ['python3', 'sign.py', 'dist/app-4.2.0.tar.gz'],
    cwd: '/srv/release',
  },
  claimed: { agent: 'release-bot', reason: 'Sign version 4.2.0 for the release at 14:00.' },
});

export const containerCard: ReviewCard = card(24, {
  machine: { id: machineIds.edge, name: 'edge-runner-3' },
  unusual: ['container', 'first time for this machine', 'identity unverified', 'after a denial'],
  items: [{ path: 'staging/аpi-key', version: 1, description: 'Key of the staging API', mixedScripts: true }],
  observed: {
    argv: [],
    ancestors: [],
    namespaces: 'other',
    container: 'docker 9f3c2a71d0e4',
    terminal: 'unknown',
    identity: 'unverified',
    anchor: 0,
  },
  claimed: { agent: '', reason: '' },
  leaseChoices: [{ label: 'Once', terms: once }],
  lease: once,
});

export const claimCard: ReviewCard = card(25, {
  claimed: {
    agent: 'Claude Code',
    reason: 'W'.repeat(20) + ' ' + 'migrate the database to the new cluster and verify each of the tables twice, please approve quickly '.slice(0, 98) + '!',
  },
});
export const putCard: ReviewCard = card(26, {
  kind: 'put',
  leaseChoices: [{ label: 'Once', terms: once }],
  lease: once,
  items: [{ path: 'prod/db-replica', version: 1, description: 'Read replica', mixedScripts: false }],
  observed: { ...running, argv: ['stillvault', 'put', 'prod/db-replica'] },
  claimed: { agent: '', reason: 'New replica for reports' },
  unusual: ['new secret'],
});

const settings = ['API_TOKEN', 'DATABASE_URL', 'MAIL_PASSWORD', 'SENTRY_DSN', 'SESSION_SECRET', 'SMTP_USER', 'STRIPE_KEY', 'WEBHOOK_SECRET'];
export const importCard: ReviewCard = card(27, {
  kind: 'put',
  leaseChoices: [{ label: 'Once', terms: once }],
  lease: once,
  items: settings.map((name, at) => ({ path: `prod/shop/${name}`, version: at === 0 ? 4 : 1, description: '', mixedScripts: false })),
  observed: { ...running, argv: ['stillvault', 'import', '.env', '--to', 'prod/shop'] },
  claimed: { agent: '', reason: '' },
  unusual: ['replaces version 3 of prod/shop/API_TOKEN'],
});

const secretRow = (seed: number, path: string, part: Partial<SecretRow> = {}): SecretRow => ({
  id: hex(seed, 32) as SecretId,
  path,
  version: (seed % 5) + 1,
  fields: [],
  description: '',
  updatedAt: noon - seed * hour * 7,
  by: 'ana',
  policy: 'any 1 of ana, ben · any machine · lease up to 1 hour · normal',
  waiting: [],
  sharable: [],
  needVersion: [],
  machines: ['build-7', 'ana-laptop'],
  ...part,
});
const names = [
  'anthropic',
  'aws/deploy',
  'aws/billing-reader',
  'cloudflare',
  'datadog',
  'github/release-bot',
  'grafana',
  'kafka',
  'mailgun',
  'maps',
  'npm-publish',
  'openai',
  'pagerduty',
  'redis',
  'sentry',
  'slack',
  'smtp',
  'ssh/bastion',
  'stripe-live',
  'stripe-test',
  'terraform-cloud',
  'tls/wildcard',
  'twilio',
  'vault-seal',
];
const secrets: readonly SecretRow[] = [
  secretRow(41, 'prod/db-primary', { version: 4, description: 'Orders database, read and write', fields: ['host', 'password', 'user'] }),
  secretRow(42, 'prod/signing/release-key', {
    description: 'Signs what customers install',
    policy: '2 of ana, ben, cem · build-7 · once · high',
    waiting: ['ana’s tablet', 'edge-runner-3'],
    sharable: ['ana’s tablet'],
    needVersion: ['cem’s phone'],
    exposed: { to: ['phone of dora'], weaker: false },
    by: 'ben',
  }),
  secretRow(43, 'staging/api-key', { description: 'Key of the staging API' }),
];
export const manySecrets: readonly SecretRow[] = [
  ...secrets,
  ...names.map((name, index) => secretRow(50 + index, `prod/${name}`, index % 3 === 0 ? { description: `Used by the ${name} integration` } : {})),
];

// A new device waits for all of them; a colleague who left had a part of some.
const sharedSecrets = manySecrets.map((row, index) => ({
  ...row,
  waiting: ['ben’s laptop'],
  sharable: ['ben’s laptop'],
  ...(index % 4 === 1 ? { exposed: { to: ['phone of dora'], weaker: false } } : {}),
}));

const leases: readonly LeaseRow[] = [
  {
    id: hex(61, 32) as LeaseId,
    machine: machineIds.build,
    machineName: 'build-7',
    paths: ['prod/db-primary'],
    holder: 'claude',
    until: noon + 11 * minute + 12_000,
    usesLeft: 17,
    used: 3,
    approvedBy: ['ana'],
    ending: false,
  },
  {
    id: hex(62, 32) as LeaseId,
    machine: machineIds.laptop,
    machineName: 'ana-laptop',
    paths: ['prod/aws/deploy', 'prod/terraform-cloud', 'prod/cloudflare'],
    holder: 'terraform',
    until: noon + 47 * minute,
    usesLeft: 99,
    used: 1,
    approvedBy: ['ana', 'ben'],
    ending: false,
  },
];
const machines: readonly MachineRow[] = [
  {
    id: machineIds.build,
    name: 'build-7',
    status: 'active',
    words: 'copper lantern quiet harbour velvet island',
    since: noon - 40 * 24 * hour,
    groups: [groupIds.ci],
    owner: memberIds.ana,
  },
  {
    id: machineIds.laptop,
    name: 'ana-laptop',
    status: 'active',
    words: 'river basket early candle mirror stone',
    since: noon - 12 * 24 * hour,
    groups: [groupIds.ci],
    owner: memberIds.ana,
  },
  { id: machineIds.edge, name: 'edge-runner-3', status: 'enrolled', words: 'orbit pepper winter saddle bridge cotton', since: noon - 2 * minute, groups: [] },
  { id: hex(9, 32) as MachineId, name: 'old-ci', status: 'revoked', words: '', since: noon - 200 * 24 * hour, groups: [] },
];
const members: readonly MemberRow[] = [
  {
    id: memberIds.ana,
    name: 'ana',
    roles: ['admin', 'approver', 'writer'],
    devices: [
      { id: deviceIds.phone, name: 'ana’s iPhone', synced: true, backedUp: true, me: true },
      {
        id: deviceIds.laptop,
        name: 'ana’s laptop',
        synced: false,
        backedUp: false,
        me: false,
        aaguid: 'ee882879-721c-4913-9775-3dfcce97072a',
        model: 'YubiKey 5 Series with NFC',
        since: noon - 80 * 24 * hour,
        seenAt: noon - 5 * hour,
      },
    ],
    me: true,
  },
  {
    id: memberIds.ben,
    name: 'ben',
    roles: ['approver'],
    devices: [{ id: deviceIds.ben, name: 'ben’s Pixel', synced: true, backedUp: true, me: false }],
    me: false,
  },
  {
    id: memberIds.cem,
    name: 'cem',
    roles: ['approver', 'writer'],
    devices: [{ id: deviceIds.cem, name: 'cem’s phone', synced: false, backedUp: false, me: false }],
    me: false,
  },
];
const history: readonly HistoryRow[] = [
  { at: noon - 3 * minute, kind: 'use', what: 'prod/db-primary', who: [], program: 'claude', machine: 'build-7', proof: 'verified' },
  { at: noon - 9 * minute, kind: 'release', what: 'prod/db-primary', who: ['ana'], program: 'claude', machine: 'build-7', proof: 'verified' },
  { at: noon - 26 * minute, kind: 'deny', what: 'staging/api-key', who: ['ben'], program: 'curl', machine: 'edge-runner-3', proof: 'verified' },
  {
    at: noon - 31 * minute,
    kind: 'alert',
    what: 'An approval has no receipt: build-7 has not said what it did with prod/smtp',
    who: ['ana'],
    machine: 'build-7',
    proof: 'missing',
  },
  {
    at: noon - 70 * minute,
    kind: 'release',
    what: 'prod/aws/deploy, prod/terraform-cloud, prod/cloudflare',
    who: ['ana', 'ben'],
    program: 'terraform',
    machine: 'ana-laptop',
    proof: 'verified',
  },
  { at: noon - 3 * hour, kind: 'stored', what: 'prod/db-primary, version 4', who: ['ana'], proof: 'verified' },
  { at: noon - 20 * hour, kind: 'expired', what: 'prod/mailgun', who: [], program: 'node', machine: 'build-7', proof: 'verified' },
  { at: noon - 22 * hour, kind: 'withdrawn', what: 'prod/smtp', who: [], program: 'send-report.py', machine: 'build-7', proof: 'verified' },
  { at: noon - 26 * hour, kind: 'log', what: 'cem joined with cem’s phone', who: ['ana'], proof: 'verified' },
  { at: noon - 27 * hour, kind: 'ended', what: 'prod/db-primary', who: ['ben'], program: 'claude', machine: 'build-7', proof: 'verified' },
  {
    at: noon - 50 * hour,
    kind: 'failed',
    what: 'prod/redis',
    who: ['ana'],
    program: 'redis-cli',
    machine: 'old-ci',
    proof: 'missing',
    codes: ['E_NO_APPROVAL'],
  },
];

const fakeGroups = [
  { id: groupIds.ci, name: 'ci', members: [], machines: [machineIds.build, machineIds.laptop] },
  { id: groupIds.oncall, name: 'on-call', members: [memberIds.ben, memberIds.cem], machines: [] },
];
const people = { members, machines, groups: fakeGroups };
const rules = [
  fakeRule(people, { pattern: '**', clauses: [{ k: 1, members: [memberIds.ana, memberIds.ben], groups: [] }] }),
  fakeRule(people, {
    pattern: 'prod/**',
    clauses: [
      { k: 1, members: [], groups: [groupIds.oncall] },
      { k: 1, members: [memberIds.ana], groups: [] },
    ],
    machines: { any: false, machines: [machineIds.build], groups: [groupIds.ci] },
    maxTtlS: 900,
    maxUses: 20,
    reasonRequired: true,
    revealAllowed: false,
    hours: { days: [1, 2, 3, 4, 5], fromMinute: 480, toMinute: 1_080 },
    exePins: ['ab'.repeat(32) as Hash], // as a SHA-256 is written
    hosts: ['db.example.org'],
  }),
];
export const changesCard: ReviewCard = card(36, {
  kind: 'changes',
  items: [],
  leaseChoices: [{ label: 'Sign', terms: once }],
  matchRequired: true,
  needed: 2,
  claimed: { agent: '', reason: 'quarterly review' },
  unusual: ['looks like on-call, which exists'],
  changes: [
    {
      what: 'New group 0n-call',
      differences: [{ effect: 'widens', words: 'ben comes in' }],
      terms: [],
      warnings: ['looks like on-call, which exists'],
    },
    {
      what: 'Rule prod/**',
      differences: [
        { effect: 'widens', words: 'approvers of group 0n-call is added' },
        { effect: 'widens', words: 'longest lease: 8 h instead of 15 min' },
        { effect: 'widens', words: 'host that the value may be sent to: db.example.org is added' },
      ],
      terms: [],
      warnings: [],
    },
  ],
});
const removalCard: ReviewCard = {
  ...changesCard,
  matchRequired: false,
  needed: 1,
  changes: [{ what: 'Revoke the machine old-ci', differences: [{ effect: 'narrows', words: 'asks for nothing more' }], terms: [], warnings: [] }],
};

export function orgView(part: Partial<OrgView> = {}): OrgView {
  return {
    id: hex(7, 64) as OrgId,
    name: 'Kestrel Works',
    me: { member: memberIds.ana, name: 'ana', device: 'ana’s iPhone', roles: ['admin', 'approver', 'writer'] },
    frozen: false,
    online: true,
    relay: 'https://vault.example.org',
    head: 41,
    inbox: [],
    refused: [],
    drafts: [],
    groups: fakeGroups,
    tokens: [],
    terms: {
      tAdmin: 1,
      needed: 1,
      origins: ['https://vault.example.org'],
      rpIds: ['vault.example.org'],
      authenticators: { deviceBoundOnly: false, aaguids: [], attested: false },
    },
    news: [],
    secrets,
    leases,
    machines,
    members,
    policies: rules,
    history,
    ...part,
  };
}

const ready = (part: Partial<OrgView>, at = '/inbox', more: Partial<FakeState> = {}): FakeState => ({
  now: noon,
  phase: { kind: 'ready' },
  org: orgView(part),
  at,
  ...more,
});
const opened = (one: ReviewCard, part: Partial<OrgView> = {}, more: Partial<FakeState> = {}): FakeState =>
  ready({ inbox: [one], ...part }, `/review/${one.requestId}`, more);
const over = (outcome: NonNullable<ReviewCard['outcome']>): FakeState => opened(card(21, { outcome }));
const fresh: Partial<OrgView> = {
  secrets: [],
  leases: [],
  machines: [],
  history: [],
  policies: rules.slice(0, 1),
  members: [
    {
      id: memberIds.ana,
      name: 'ana',
      roles: ['admin', 'approver', 'writer'],
      devices: [{ id: deviceIds.phone, name: 'ana’s iPhone', synced: true, backedUp: true, me: true }],
      me: true,
    },
  ],
};
const unsupported: AppFailure = {
  code: 'E_NO_PRF',
  what: 'This browser’s passkeys cannot derive keys.',
  next: 'Open this page with one of the devices below, or update this one.',
};
export const needCard: ReviewCard = card(29, {
  kind: 'need',
  leaseChoices: [],
  lease: once,
  items: [{ path: 'prod/stripe', version: 1, description: '', mixedScripts: false }],
  observed: { ...running, argv: ['stillvault', 'need', 'prod/stripe', '--for', 'Create test payments for the checkout migration.'] },
  claimed: { agent: 'Claude Code', reason: 'Create test payments for the checkout migration.' },
  need: { where: 'https://dashboard.stripe.com/apikeys', fields: ['publishable_key', 'secret_key'] },
  unusual: ['looks like prod/Stripe, which exists'],
  issuedAt: noon - hour,
  expiresAt: noon + 7 * 24 * hour - hour,
});
const draftRow = (seed: number, part: Partial<DraftRow> = {}): DraftRow => ({
  id: hashOf(seed),
  by: 'ben',
  mine: false,
  at: noon - 40 * minute,
  expiresAt: noon + 71 * hour,
  note: '',
  changes: [
    {
      what: 'Rule prod/signing/**',
      differences: [
        { effect: 'widens', words: '1 of ana, ben, cem, instead of 2' },
        { effect: 'narrows', words: 'leases up to 5 min, instead of 15 min' },
      ],
      terms: [],
      warnings: [],
    },
  ],
  items: [],
  agreed: ['ben'],
  refused: [],
  agreedByMe: false,
  missing: 1,
  stale: false,
  ...part,
});
const addDora = [
  { what: 'Add dora', differences: [{ effect: 'widens', words: 'as approver, writer' }], terms: [], warnings: [] },
  { what: 'Let dora’s phone of dora in', differences: [{ effect: 'widens', words: 'its passkey is synced' }], terms: [], warnings: [] },
] as const;
const drafts: readonly DraftRow[] = [
  draftRow(81, { note: 'ben leaves on Friday; ana and cem should be able to sign alone until then.' }),
  draftRow(82, { by: 'ana', mine: true, agreed: ['ana'], agreedByMe: true, changes: addDora, refused: ['cem'], missing: 1 }),
  draftRow(83, { stale: true, by: 'cem', agreed: ['cem'] }),
  draftRow(84, { missing: 0, agreed: ['ben', 'ana'], agreedByMe: true, changes: addDora.slice(1) }),
];
const news: readonly NewsRow[] = [
  { seq: 41, at: noon - 4 * minute, what: 'added ben’s Pixel of ben', who: ['cem'] },
  { seq: 40, at: noon - 20 * minute, what: 'set policy prod/**', who: ['cem', 'ben'] },
];
const five: readonly ReviewCard[] = [card(21), longCard, highCard, containerCard, putCard];

const first: readonly string[] = ['first time for this program', 'first time for this machine', 'first time for this secret'];

export const fakeStates = {
  loading: { now: noon, phase: { kind: 'loading' }, org: undefined, at: '/inbox' },
  away: {
    now: noon,
    phase: {
      kind: 'loading',
      failure: { code: 'E_RELAY_AWAY', what: 'The relay does not answer. Nothing was done.', next: 'Check the network and try again; this page keeps trying.' },
    },
    org: undefined,
    at: '/inbox',
  },
  welcome: { now: noon, phase: { kind: 'welcome' }, org: undefined, at: '/inbox' },
  unsupported: { now: noon, phase: { kind: 'welcome' }, org: undefined, at: '/inbox', unsupported },
  creating: { now: noon, phase: { kind: 'welcome' }, org: undefined, at: '/inbox', holdStep: 'passkey-verified' },
  join: { now: noon, phase: { kind: 'welcome' }, org: undefined, at: 'invite=AQEBmK3rV8sT0pQ7.yZcN5wXh' },
  'first-steps': ready(fresh, '/inbox', { canEnrolHere: true }),
  empty: ready({}),
  'one-request': ready({ inbox: [card(21)] }),
  'five-requests': ready({
    inbox: [
      ...five,
      card(27, { outcome: { kind: 'released', by: ['ana'], at: noon - 5 * minute } }),
      card(28, {
        items: [{ path: 'prod/smtp', version: 2, description: '', mixedScripts: false }],
        outcome: { kind: 'denied', by: ['ana'], at: noon - 9 * minute },
      }),
    ],
  }),
  card: opened(card(21)),
  'card-unusual': opened(card(21, { unusual: ['first time for this program', 'new binary'] }), {
    inbox: [card(21, { unusual: ['first time for this program', 'new binary'] }), putCard, highCard],
  }),
  'card-first': opened(card(21, { unusual: first })),
  'card-long': opened(longCard),
  'card-high': opened(highCard),
  'card-container': opened(containerCard),
  'card-claim': opened(claimCard),
  'card-put': opened(putCard),
  'card-import': opened(importCard),
  'card-changes': opened(changesCard),
  'card-changes-removal': opened(removalCard),
  'card-changes-signed': opened({ ...changesCard, outcome: { kind: 'stored', by: ['ana'], at: noon } }),
  'card-need': opened(needCard),
  'card-need-filled': opened({ ...needCard, outcome: { kind: 'stored', by: ['ana'], at: noon } }),
  'need-form': ready({ inbox: [needCard] }, `/secrets/${needCard.requestId}/put`),
  'card-approving': opened(card(21), {}, { holdStep: 'sealing' }),
  'card-failed': opened(
    card(21),
    {},
    {
      failures: { approve: { code: 'E_CANCELLED', what: 'You were not verified: the passkey was cancelled.', next: 'Nothing was sent. Try again, or deny.' } },
    },
  ),
  'card-wrong-number': opened(
    highCard,
    {},
    { failures: { approve: { code: 'E_MATCH', what: 'That is not the number of this request.', next: 'Deny it, or have it asked again.' } } },
  ),
  'card-released': over({ kind: 'released', by: ['ana'], at: noon, until: noon + 11 * minute + 12_000 }),
  'card-released-once': over({ kind: 'released', by: ['ana'], at: noon }),
  'card-approved-quorum': opened(card(21, { needed: 2, outcome: { kind: 'approved', by: ['ana'], at: noon } })),
  'card-denied': over({ kind: 'denied', by: ['ana'], at: noon }),
  'card-expired': opened(card(21, { expiresAt: noon - 1_000 })),
  'card-withdrawn': over({ kind: 'withdrawn', by: [], at: noon }),
  'card-done-by-other': over({ kind: 'done-by-other', by: ['ben'], at: noon }),
  'card-problem': over({ kind: 'failed', by: ['ana'], at: noon, note: 'The process was gone when the approval arrived. Nothing was delivered.' }),
  'card-frozen': opened(card(21), { frozen: true }),
  halted: {
    now: noon,
    phase: {
      kind: 'halted',
      code: 'E_FORK',
      message: 'Two different entries claim the same place in the log.',
      stop: { record: hashOf(31), ours: 'ana added cem (approver)', theirs: 'ana revoked build-7' },
    },
    org: orgView(),
    at: '/inbox',
  },
  frozen: ready({ frozen: true, inbox: [card(21)] }),
  offline: ready({
    online: false,
    inbox: [card(21)],
    notice: { code: 'E_RELAY', what: 'History is incomplete.', next: 'It completes itself when the relay is back.' },
    refused: [{ code: 'E_SIG_REQUEST', at: noon - 6 * minute, machine: 'build-7' }],
  }),
  secrets: ready({ secrets: manySecrets }, '/secrets'),
  'secrets-share': ready({ secrets: sharedSecrets }, '/secrets', { hold: 'shareSecrets' }),
  'secrets-empty': ready({ secrets: [] }, '/secrets'),
  secret: ready({ secrets: manySecrets }, `/secrets/${hex(42, 32)}`),
  'secret-put': ready({ secrets: manySecrets }, '/secrets/put'),
  'secret-put-fields': ready({ secrets: manySecrets }, `/secrets/${hex(41, 32)}/put`),
  leases: ready({}, '/leases'),
  'leases-empty': ready({ leases: [] }, '/leases'),
  machines: ready({}, '/machines', { canEnrolHere: true }),
  'machines-first': ready({ machines: [] }, '/machines', { canEnrolHere: true }),
  people: ready({}, '/people'),
  ...recoveryStates(noon, ready, fresh),
  'people-member': ready({}, `/people/${memberIds.cem}`),
  'people-me': ready({}, `/people/${memberIds.ana}`),
  'people-remove': ready({}, `/people/${memberIds.cem}`, {
    loss: {
      rules: ['prod/signing/**'],
      unreachable: ['prod/signing/release-key'],
      exposed: names.slice(0, 9).map((name) => `prod/${name}`),
      machines: ['edge-runner-3'],
      lastAdmin: false,
    },
  }),
  'people-terms': ready(
    {
      terms: {
        tAdmin: 2,
        needed: 2,
        origins: ['https://vault.example.org'],
        rpIds: ['vault.example.org'],
        authenticators: { deviceBoundOnly: true, aaguids: [], attested: true },
      },
    },
    '/people/terms',
  ),
  rules: ready({}, '/people'),
  'rules-terms': ready({}, '/people'),
  'rule-new': ready({}, '/people'),
  'rule-more': ready({ terms: { ...orgView().terms, needed: 2 } }, '/people'),
  'rule-refused': ready({}, '/people'),
  'secret-access': ready({}, `/secrets/${secrets[0]?.id ?? ''}`),
  groups: ready({}, '/people/groups'),
  'group-form': ready({ terms: { ...orgView().terms, needed: 2 } }, '/people/groups'),
  'machine-token-form': ready({}, '/machines'),
  'machine-settings': ready({}, '/machines'),
  'groups-empty': ready({ groups: [] }, '/people/groups'),
  waiting: { now: noon, phase: { kind: 'waiting' }, org: undefined, at: '/inbox' },
  drafts: ready({ drafts }),
  'drafts-and-requests': ready({ drafts: drafts.slice(0, 1), inbox: [card(21)], news }),
  draft: ready({ drafts }, `/inbox/${hashOf(81)}`),
  news: ready({ news }),
  'machine-token': ready(
    {
      tokens: [
        { id: hex(91, 32), expiresAt: noon + 40 * minute, autoAdmit: false, groups: [] },
        { id: hex(92, 32), expiresAt: noon + 20 * minute, autoAdmit: true, groups: [groupIds.ci], usedBy: 'build-7' },
        { id: hex(93, 32), expiresAt: noon - 2 * hour, autoAdmit: false, groups: [] },
      ],
    },
    '/machines',
  ),
  invite: ready({}, '/people/invite'),
  'invite-link': ready({}, '/people/invite', { hold: 'codes' }),
  history: ready({}, '/history'),
  'history-empty': ready({ history: [] }, '/history'),
  'history-filters': ready({}, '/history'),
  'history-checked': ready({}, '/history'),
  'history-alerts': {
    ...ready({}, '/history'),
    audit: {
      entries: 42,
      receipts: 9,
      findings: [
        { code: 'E_AUDIT_GAP', why: 'receipts before number 7 are missing', at: noon - 26 * minute, machine: 'build-7' },
        { code: 'E_NO_APPROVAL', why: 'released with fewer approvals than the policy of prod/redis wants', at: noon - 50 * hour, machine: 'old-ci' },
      ],
    },
  },
} as const satisfies Record<string, FakeState>;
export type FakeStateName = keyof typeof fakeStates;

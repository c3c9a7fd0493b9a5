// The review card: every line from this device's own log or the verified request, fixed once it is shown (product.md §card).
import type { SecretPut } from '../../protocol/org-log/bodies.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { quorumOf } from '../../protocol/policy.ts';
import { durationWords } from '../../protocol/policy-words.ts';
import { type LeaseTerms, type Observed, type VerifiedRequest, matchCode, once } from '../../protocol/request.ts';
import { mixesScripts } from '../../protocol/text.ts';
import type { ChangeLine } from '../../protocol/change-lines.ts';
import type { ReviewCard } from '../app.ts';
import type { LoadedChanges } from './changes.ts';

const tiers = ['low', 'normal', 'high'] as const;

interface ProposedHere {
  readonly puts?: readonly SecretPut[] | undefined;
  readonly changes?: LoadedChanges | undefined;
}

/** `puts`, `changes`: what the request proposes, where it does. */
export function cardOf(state: OrgState, verified: VerifiedRequest, { puts, changes }: ProposedHere, unusual: readonly string[]): ReviewCard {
  const { request, rh, machine, policies } = verified;
  const { need } = request;
  const items = puts ? puts.map(itemOfPut) : need ? [{ path: need.path, version: 1, description: '', mixedScripts: false }] : itemsOf(verified);
  const card: Omit<ReviewCard, 'lines'> = {
    requestId: request.requestId,
    rh,
    kind: puts ? 'put' : need ? 'need' : changes ? 'changes' : 'release',
    matchCode: matchCode(rh),
    machine: { id: machine.machine, name: machine.name },
    items,
    observed: request.observed,
    claimed: request.claimed,
    ...(need ? { need: { where: need.where, fields: need.fields } } : {}),
    ...(changes ? { changes: changes.lines } : {}),
    lease: request.lease,
    leaseChoices: changes ? [{ label: 'Sign', terms: once }] : puts ? [{ label: 'Store', terms: once }] : need ? [] : leaseChoices(request.lease),
    unusual: changes ? [...changes.lines.flatMap(({ warnings }) => warnings), ...unusual] : [...unusual, ...replacing(puts ?? [])],
    issuedAt: request.issuedAt,
    expiresAt: request.expiresAt,
    needed: Math.max(changes?.needed ?? 1, ...policies.map((policy) => quorumOf(state, policy).k)),
    tier: tiers[Math.max(1, ...policies.map(({ tier }) => tiers.indexOf(tier)))] ?? 'high',
    // Whoever asks for more stands at that terminal, or has called.
    matchRequired: widens(changes) || policies.some(({ matchRequired, tier }) => matchRequired || tier === 'high'),
  };
  return { ...card, lines: linesOf(card) };
}

const widens = (changes: LoadedChanges | undefined): boolean =>
  changes?.lines.some(({ differences }) => differences.some(({ effect }) => effect === 'widens')) ?? false;

function itemsOf({ items }: VerifiedRequest): ReviewCard['items'] {
  return items.map(({ item, secret }) => ({
    path: secret.path,
    version: item.ver,
    description: secret.put.description,
    mixedScripts: mixesScripts(secret.put.description),
    ...(item.field === undefined ? {} : { field: item.field }),
  }));
}

function itemOfPut({ path, ver, description, fields }: SecretPut): ReviewCard['items'][number] {
  return { path, version: ver, description, mixedScripts: mixesScripts(description), ...(fields.length > 0 ? { field: fields.join(', ') } : {}) };
}

/** What is there already is named first, whatever its place in the list. */
function replacing(puts: readonly SecretPut[]): readonly string[] {
  const old = puts.filter(({ ver }) => ver > 1);
  return puts.length === 1 ? old.map(({ ver }) => `replaces version ${ver - 1}`) : old.map(({ path, ver }) => `replaces version ${ver - 1} of ${path}`);
}

const shorterS = [300, 900, 3_600];

/** Once first; then leases up to what was asked, which verifyRequest found within policy. */
function leaseChoices(asked: LeaseTerms): ReviewCard['leaseChoices'] {
  if (isOnce(asked)) return [{ label: leaseWords(once), terms: once }];
  const terms = [once, ...shorterS.filter((ttlS) => ttlS < asked.ttlS).map((ttlS) => ({ ...asked, ttlS })), asked];
  return terms.map((choice) => ({ label: leaseWords(choice), terms: choice }));
}

function isOnce({ ttlS, uses }: LeaseTerms): boolean {
  return ttlS === 0 && uses === 1;
}

const scopeWords = { process: 'this process and what it starts', exe: 'every process of this program', machine: 'every process of this user' } as const;

function leaseWords(terms: LeaseTerms): string {
  if (isOnce(terms)) return 'Once';
  return `${durationWords(terms.ttlS)}, up to ${terms.uses} ${terms.uses === 1 ? 'use' : 'uses'}, ${scopeWords[terms.scope]}`;
}

const verbs = { release: 'release', put: 'store', need: 'needs', changes: 'change' } as const;

// Who, what, for what, why, how long, what is unusual: the order of the screen.
function linesOf(card: Omit<ReviewCard, 'lines'>): readonly string[] {
  const { observed, claimed, items } = card;
  return [
    `machine: ${card.machine.name}`,
    `program: ${programWords(observed)}`,
    `user: ${observed.user ?? 'unknown'} (uid ${observed.uid ?? 'unknown'})`,
    `process: ${observed.pid ?? 'unknown'}, ${observed.terminal === 'none' ? 'no terminal' : observed.terminal === 'unknown' ? 'terminal unknown' : observed.terminal}, identity ${observed.identity}`,
    ...observed.ancestors.map((ancestor) => `started by: ${ancestor.exe ?? 'unknown'}${ancestor.argv.length > 0 ? ` · ${JSON.stringify(ancestor.argv)}` : ''}`),
    ...items.flatMap(({ path, field, version, description }) => [
      `${verbs[card.kind]}: ${path}${field === undefined ? '' : `#${field}`} version ${version}`,
      `described as: ${description || 'nothing'}`,
    ]),
    `command: ${JSON.stringify(observed.argv)}`,
    `directory: ${observed.cwd ?? 'unknown'}`,
    ...(observed.container === undefined ? [] : [`container: ${observed.container}`]),
    `claims to be: ${claimed.agent || 'nothing'}`,
    `claims as reason: ${claimed.reason || 'nothing'}`,
    ...(card.need ? [`wants fields: ${card.need.fields.join(', ') || 'none, one value'}`, `claims it is found at: ${card.need.where || 'nothing'}`] : []),
    ...(card.changes ?? []).flatMap(changeText),
    `asks for: ${card.kind === 'release' ? leaseWords(card.lease) : card.kind === 'changes' ? 'a signature on these changes' : 'storing'}`,
    `care: ${card.tier}`,
    `needs: ${card.needed} ${card.needed === 1 ? 'person' : 'people'}`,
    ...card.unusual.map((words) => `unusual: ${words}`),
    `code: ${card.matchCode}`,
    `until: ${new Date(card.expiresAt).toISOString()}`,
  ];
}

function changeText({ what, differences, terms, warnings }: ChangeLine): readonly string[] {
  return [
    `change: ${what}`,
    ...differences.map(({ effect, words }) => `${effect}: ${words}`),
    ...terms.map((words) => `term: ${words}`),
    ...warnings.map((words) => `unusual: ${words}`),
  ];
}

function programWords({ exe, exeHash, script, scriptHash }: Observed): string {
  const part = (path: string | undefined, digest: string | undefined): string =>
    `${path ?? 'unknown'} (${digest === undefined ? 'content unknown' : `sha256 ${digest}`})`;
  return part(exe, exeHash) + (script === undefined ? '' : ` running ${part(script, scriptHash)}`);
}

// The review card as text: who, what, for what, and what became of it (product.md §What the approver sees). Pure.
import type { LeaseRow, ReviewCard } from '../app.ts';
import type { LeaseTerms, Observed, ObservedProcess } from '../../protocol/request.ts';
import { mixesScripts } from '../../protocol/text.ts';
import { duration, listNames, shortDuration } from '../ui/time.ts';
import { coreWords } from '../ui/words-core.ts';

export function isWaiting(card: ReviewCard, now: number): boolean {
  return card.outcome === undefined && card.expiresAt > now;
}

export interface Requester {
  /** Last part of the script's or the program's path; undefined = the kernel did not say. */
  readonly name: string | undefined;
  readonly path: string | undefined;
  /** The interpreter's path, where a script asks. */
  readonly interpreter: string | undefined;
}

/** The program that asks, as the daemon saw it. A script is named before its interpreter: `node` says nothing. */
export function requesterOf({ exe, script }: { readonly exe?: string; readonly script?: string }): Requester {
  const path = script ?? exe;
  return { name: path === undefined ? undefined : fileName(path), path, interpreter: script === undefined ? undefined : exe };
}

// Between an agent and the command that it starts there is often a shell, which says nothing; above a person's shell is their session.
const shells: ReadonlySet<string> = new Set([
  'ash',
  'bash',
  'dash',
  'doas',
  'env',
  'fish',
  'ksh',
  'nice',
  'nohup',
  'script',
  'setsid',
  'sh',
  'sudo',
  'timeout',
  'xargs',
  'zsh',
]);
const sessions: ReadonlySet<string> = new Set(['init', 'login', 'screen', 'sshd', 'systemd', 'tmux']);

/**
 * Who is named on the card. For a request through our own command line that is whoever started it, e.g. the agent, and
 * `through` names the command. The whole chain stands below; a lease belongs to its anchor (leaseHolder).
 */
export function whoAsks(observed: Observed): { readonly name: string | undefined; readonly through: string | undefined } {
  const { name } = requesterOf(observed);
  const behind = observed.anchor === 0 ? [] : observed.ancestors.slice(observed.anchor - 1);
  const labels = behind.map(ancestorLabel);
  const first = labels.findIndex((label) => !shells.has(label));
  const starter = behind[first < 0 || sessions.has(labels[first] ?? '') ? 0 : first];
  return starter ? { name: requesterOf(starter).name, through: name } : { name, through: undefined };
}

export function whoText(observed: Observed): string {
  return whoAsks(observed).name ?? coreWords.common.unknown;
}

export function subjectOf({ items, changes }: Pick<ReviewCard, 'items' | 'changes'>): string {
  if (changes) return changes.map(({ what }) => what).join(', ');
  const [first] = items;
  const rest = items.length - 1;
  if (!first) return coreWords.common.unknown;
  return rest > 0 ? `${first.path} ${coreWords.inbox.more(rest)}` : nameOfItem(first);
}

function nameOfItem({ path, field }: { readonly path: string; readonly field?: string }): string {
  return field === undefined ? path : `${path}#${field}`;
}

const systemFolders = /^\/(?:usr\/(?:local\/)?)?(?:s?bin|lib(?:exec)?(?:64)?|libexec)\//;

/** A name alone is enough where only root may write; anywhere else the whole path is the name. */
export function processLabel(exe: string | undefined): string {
  if (exe === undefined) return coreWords.common.unknown;
  return systemFolders.test(exe) && !exe.includes('/../') ? fileName(exe) : exe;
}

/** Who started it, nearest first. */
export function ancestorLabels({ ancestors }: Pick<Observed, 'ancestors'>): readonly string[] {
  return ancestors.map(ancestorLabel);
}

function ancestorLabel({ exe, script }: ObservedProcess): string {
  return processLabel(script ?? exe);
}

/** Whom a lease of scope `process` is bound to. */
export function leaseHolder(observed: Observed): string {
  const holder = observed.ancestors[observed.anchor - 1];
  return (observed.anchor === 0 ? requesterOf(observed).name : holder && requesterOf(holder).name) ?? coreWords.common.unknown;
}

/** Each argument on its own, quoted where a shell would need it: two arguments never look like one. */
export function quotedArguments(argv: readonly string[]): readonly string[] {
  return argv.map((argument) => (/^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`));
}

export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1) || path;
}

/** Untrusted text whose letters may imitate others. */
export const looksMixed = (text: string | undefined): boolean => text !== undefined && mixesScripts(text);

/** The choice in as few words as tell it from the others; leaseSentence tells the rest. */
export function leaseLabels(choices: readonly { readonly terms: LeaseTerms }[]): readonly string[] {
  return choices.map(({ terms: { ttlS, uses } }, index) => {
    if (ttlS === 0 && uses === 1) return coreWords.review.once;
    const isAlone = choices.every(({ terms }, other) => other === index || terms.ttlS !== ttlS);
    return isAlone ? shortDuration(ttlS) : `${shortDuration(ttlS)}, ${coreWords.review.leaseUses(uses)}`;
  });
}

const firstTime = 'first time for this ';

/** What is unusual, each on its line; several first times are one. */
export function unusualLines(marks: readonly string[]): readonly string[] {
  const first = marks.filter((mark) => mark.startsWith(firstTime)).map((mark) => mark.slice(firstTime.length));
  const others = marks.filter((mark) => !mark.startsWith(firstTime));
  return [...(first.length > 0 ? [firstTime + listNames(first)] : []), ...others].map((mark) => mark.charAt(0).toUpperCase() + mark.slice(1));
}

export function leaseSentence({ ttlS, uses, scope }: LeaseTerms, holder: string): string {
  if (ttlS === 0 && uses === 1) return coreWords.review.onceOnly;
  return coreWords.review.leaseText(
    duration(ttlS),
    coreWords.review.leaseUses(uses),
    scope === 'process' ? `${holder} and what it starts` : coreWords.review.scopes[scope],
  );
}

/** The true code among two others: always the same three for one request, in an order that says nothing. */
export function matchChoices(code: string, rh: string): readonly string[] {
  const numbers = new Set([code]);
  for (let at = 0; numbers.size < 3; at += 2) numbers.add(String((Number.parseInt(rh.slice(at, at + 2) || '0', 16) + at * 7) % 100).padStart(2, '0'));
  return [...numbers].sort();
}

/** The live lease that came out of this card: same machine, same secrets, the newest. */
export function leaseOf(card: ReviewCard, leases: readonly LeaseRow[]): LeaseRow | undefined {
  const wanted = pathsKey(card.items.map(nameOfItem));
  const plain = pathsKey(card.items.map(({ path }) => path));
  const own = leases.filter(({ machine, paths }) => machine === card.machine.id && [wanted, plain].includes(pathsKey(paths)));
  return own.find(({ until }) => until === card.outcome?.until) ?? own.toSorted((a, b) => b.until - a.until)[0];
}

const pathsKey = (paths: readonly string[]): string => [...new Set(paths)].sort().join('\n');

export type Ending = 'good' | 'stopped' | 'quiet' | 'problem';
export interface OutcomeText {
  readonly tone: Ending;
  readonly title: string;
  readonly text: string;
}

/** How the card ended; undefined while it waits. Time alone ends it too. */
export function outcomeOf(card: ReviewCard, now: number): OutcomeText | undefined {
  const { outcome } = card;
  const w = coreWords.review;
  if (!outcome) return card.expiresAt > now ? undefined : { tone: 'quiet', title: w.expired, text: w.expiredText };
  const note = outcome.note;
  switch (outcome.kind) {
    case 'released':
      return { tone: 'good', title: w.released, text: note ?? (outcome.until === undefined ? w.releasedOnce : '') };
    case 'approved':
      return { tone: 'good', title: w.approved, text: note ?? (card.kind === 'changes' ? w.passedOn : card.needed > 1 ? w.approvedMore : w.approvedWait) };
    case 'denied':
      return { tone: 'stopped', title: card.kind === 'need' ? w.declined : w.denied, text: note ?? (card.kind === 'changes' ? w.notChanged : w.deniedText) };
    case 'expired':
      return { tone: 'quiet', title: w.expired, text: note ?? w.expiredText };
    case 'withdrawn':
      return { tone: 'quiet', title: w.withdrawn, text: note ?? w.withdrawnText };
    case 'failed':
      return { tone: 'problem', title: w.failed, text: note ?? w.failedText };
    case 'done-by-other':
      return { tone: 'quiet', title: w.doneByOther(outcome.by.join(', ') || coreWords.common.unknown), text: note ?? w.doneByOtherText };
    case 'stored':
      return card.kind === 'changes' ? { tone: 'good', title: w.changed, text: w.changedText } : { tone: 'good', title: w.stored, text: note ?? w.storedText };
  }
}

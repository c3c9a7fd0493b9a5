// What stands around every page: badges, the document's title, which news are read out. Pure.
import type { OrgView, ReviewCard } from '../app.ts';
import type { DraftRow } from '../app-people.ts';
import { isWaiting, subjectOf, whoText } from '../review/model.ts';
import { coreWords } from '../ui/words-core.ts';
import type { PageName, Route } from './routes.ts';

/** What waits for the person on a page; undefined where nothing does. */
export function badgeOf(page: PageName, org: OrgView, now: number): number | undefined {
  const count = {
    inbox: () => waitingCards(org, now).length + org.drafts.filter((draft) => waitsForMe(org, draft)).length,
    leases: () => org.leases.filter(({ until }) => until > now).length,
    machines: () => org.machines.filter(({ status }) => status === 'enrolled').length,
    secrets: () => org.secrets.filter(({ sharable, needVersion, exposed }) => sharable.length + needVersion.length > 0 || exposed).length,
    people: () => 0,
    history: () => 0,
  }[page]();
  return count === 0 ? undefined : count;
}

export function waitingCards(org: OrgView, now: number): readonly ReviewCard[] {
  return org.inbox.filter((card) => isWaiting(card, now));
}

/** An admin's own word, or the last step of what is complete. */
export function waitsForMe({ me }: Pick<OrgView, 'me'>, { stale, agreedByMe, missing }: DraftRow): boolean {
  return me.roles.includes('admin') && !stale && (!agreedByMe || missing === 0);
}

export function documentTitle(route: Route, waiting: number): string {
  const page = route.page === 'join' || route.page === 'recovery' ? coreWords.shell[route.page] : coreWords.nav[route.page];
  return `${waiting > 0 ? `(${waiting}) ` : ''}${page} · ${coreWords.product}`;
}

const soonMs = 30_000;
export interface Heard {
  readonly arrived: ReadonlySet<string>;
  readonly ending: ReadonlySet<string>;
}
export const nothingHeard: Heard = { arrived: new Set(), ending: new Set() };

/** What a screen reader is told now: each request once when it comes, and once when it is about to end. */
export function newsOf(
  heard: Heard,
  waiting: readonly ReviewCard[],
  now: number,
): { readonly heard: Heard; readonly arrived: string; readonly ending: string } {
  const arrived = waiting.filter(({ requestId }) => !heard.arrived.has(requestId));
  const ending = waiting.filter(({ requestId, expiresAt }) => expiresAt - now <= soonMs && !heard.ending.has(requestId));
  const ids = (known: ReadonlySet<string>, cards: readonly ReviewCard[]): ReadonlySet<string> =>
    cards.length === 0 ? known : new Set([...known, ...cards.map(({ requestId }) => requestId)]);
  return {
    heard: { arrived: ids(heard.arrived, arrived), ending: ids(heard.ending, ending) },
    arrived: arrived.map((card) => coreWords.shell.newRequest(whoText(card.observed), subjectOf(card))).join(' '),
    ending: ending.map((card) => coreWords.shell.soon(subjectOf(card))).join(' '),
  };
}

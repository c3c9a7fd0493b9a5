// The inbox: an order that never moves what a finger is about to touch, and what to do when nothing waits. Pure.
import type { OrgView, ReviewCard } from '../app.ts';
import { isWaiting } from '../review/model.ts';

/** Cards keep their place while the list is on screen; new ones come at the end. At first: what waits, oldest first, then what is decided. */
export function placeCards(before: readonly string[] | undefined, cards: readonly ReviewCard[], now: number): readonly ReviewCard[] {
  const known = before?.flatMap((id) => cards.find(({ requestId }) => requestId === id) ?? []) ?? [];
  const fresh = cards.filter(({ requestId }) => !known.some((card) => card.requestId === requestId));
  const waiting = fresh.filter((card) => isWaiting(card, now)).toSorted((a, b) => a.issuedAt - b.issuedAt);
  const decided = fresh.filter((card) => !isWaiting(card, now)).toSorted((a, b) => (b.outcome?.at ?? b.expiresAt) - (a.outcome?.at ?? a.expiresAt));
  return [...known, ...waiting, ...decided];
}

/** The next request that waits after this one; the first one after the last. */
export function nextWaiting(cards: readonly ReviewCard[], current: string, now: number): ReviewCard | undefined {
  const index = cards.findIndex(({ requestId }) => requestId === current);
  return [...cards.slice(index + 1), ...cards.slice(0, Math.max(0, index))].find((card) => isWaiting(card, now));
}

export type FirstStep = 'machine' | 'admit' | 'secret' | 'ask';
export type StepState = 'done' | 'now' | 'later';

/** The way to the first release; undefined once something was released. */
export function firstSteps(
  org: Pick<OrgView, 'machines' | 'secrets' | 'history'>,
): readonly { readonly step: FirstStep; readonly state: StepState }[] | undefined {
  if (org.history.some(({ kind }) => kind === 'release')) return undefined;
  const done: Readonly<Record<FirstStep, boolean>> = {
    machine: org.machines.some(({ status }) => status !== 'revoked'),
    admit: org.machines.some(({ status }) => status === 'active'),
    secret: org.secrets.length > 0,
    ask: false,
  };
  const steps: readonly FirstStep[] = ['machine', 'admit', 'secret', 'ask'];
  const current = steps.find((step) => !done[step]);
  return steps.map((step) => ({ step, state: done[step] ? 'done' : step === current ? 'now' : 'later' }));
}

/** One lost phone must not lock anybody out. */
export function needsSecondDevice(org: Pick<OrgView, 'members'>): boolean {
  return org.members.reduce((sum, { devices }) => sum + devices.length, 0) < 2;
}

/** The row that j, k and the arrows lead to. */
export function moveFocus(count: number, current: number, key: string): number | undefined {
  if (count === 0) return undefined;
  if (key === 'j' || key === 'ArrowDown') return Math.min(count - 1, current + 1);
  if (key === 'k' || key === 'ArrowUp') return Math.max(0, current - 1);
  return undefined;
}

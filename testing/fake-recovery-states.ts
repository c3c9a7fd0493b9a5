// States of the recovery kit for the gallery: what testing/fake-states.ts adds to its own.
import type { OrgView } from '../console/app.ts';
import type { KitStatus, RecoveringView, WaitingView } from '../console/recovery/contract.ts';
import { fakeKit, fakeReseal } from './fake-recovery.ts';
import type { FakeState } from './fake-states.ts';

const day = 86_400_000;
const kit: KitStatus = { kit: fakeKit, t: 2, m: 3, delayMs: 3 * day, setAt: 0, isComplete: true, missing: [] };

// eslint-like inference: each name is a state of the gallery.
export function recoveryStates(noon: number, ready: (part: Partial<OrgView>, at?: string, more?: Partial<FakeState>) => FakeState, alone: Partial<OrgView>) {
  const recovering: RecoveringView = {
    name: 'ben',
    isNew: false,
    device: 'ben’s new phone',
    reason: 'Lost my bag on the train',
    at: noon - day,
    effectiveAt: noon + 2 * day,
  };
  const waiting: WaitingView = { ...recovering, org: 'c4'.repeat(32) as never, relay: 'https://vault.example.org', orgName: 'Kestrel Works', state: 'waiting' }; // an id of the picture
  const status: KitStatus = { ...kit, setAt: noon - 40 * day };
  const welcome = (at: string, more: Partial<FakeState> = {}): FakeState => ({ now: noon, phase: { kind: 'welcome' }, org: undefined, at, ...more });
  const waits = (view: WaitingView, now = noon): FakeState => ({ now, phase: { kind: 'recovering', waiting: view }, org: undefined, at: '/recovery' });
  return {
    'kit-none': ready({}, '/recovery'),
    kit: ready({ kit: status }, '/recovery', { recovery: { status: { ...status, lastDrill: noon - 9 * day } } }),
    'kit-missing': ready({ kit: { ...status, delayMs: 0 } }, '/recovery', {
      recovery: { status: { ...status, delayMs: 0, isComplete: false, missing: ['prod/db-primary', 'prod/stripe-live', 'staging/api-key'] } },
    }),
    'kit-terms': ready({ kit: status }, '/recovery/make'),
    'kit-alone': ready(alone, '/recovery/make'),
    'kit-sheet': ready({}, '/recovery/make'),
    'kit-confirm': ready({}, '/recovery/make'),
    'kit-drill': ready({ kit: status }, '/recovery/drill'),
    'kit-wrong-word': ready({ kit: status }, '/recovery/drill'),
    'kit-open': welcome(`/recovery/${'c4'.repeat(32)}/https%3A%2F%2Fvault.example.org`),
    'kit-who': welcome(`/recovery/${'c4'.repeat(32)}/https%3A%2F%2Fvault.example.org`),
    'kit-waiting': waits(waiting),
    'kit-over': waits(waiting, noon + 3 * day),
    'kit-stopped': waits({ ...waiting, state: 'stopped' }),
    'kit-unseen': waits({ ...waiting, state: 'unseen' }),
    'kit-walk': ready({ kit: status }, '/recovery/walk', { recovery: { status, reseal: fakeReseal, rules: ['prod/signing/**'], isKitHere: true } }),
    'kit-walk-again': ready({ kit: status }, '/recovery/walk', { recovery: { status, reseal: fakeReseal } }),
    recovering: ready({ kit: status, recovering }),
  };
}

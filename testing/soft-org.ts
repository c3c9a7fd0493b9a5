// An organisation made through the console's own device against a real relay: the start of every console test. Never shipped.
import { type TestRelay, startTestRelay } from '../relay/test-world.ts';
import type { App } from '../console/app.ts';
import type { RuleInput } from '../console/app-rules.ts';
import { createApp } from '../console/device/app-impl.ts';
import { defaultPolicy } from '../console/device/policies.ts';
import type { MemberId } from '../protocol/hash.ts';
import { type SoftClock, type SoftOptions, type SoftPlatform, softClock, softPlatform, until } from './soft-platform.ts';
import { SoftMachine } from './soft-machine.ts';

export interface SoftPerson {
  readonly app: App;
  readonly platform: SoftPlatform;
}
export interface SoftWorld extends AsyncDisposable {
  readonly relay: TestRelay;
  readonly clock: SoftClock;
  /** A browser with nothing in it. */
  browser(options?: Partial<SoftOptions>): SoftPerson;
  /** The same browser after a reload of the page. */
  reload(person: SoftPerson): SoftPerson;
  /** A browser whose person created an org. */
  founder(name?: string, options?: Partial<SoftOptions>): Promise<SoftPerson>;
  /** Enrolled and admitted by `admin`. */
  machine(admin: SoftPerson, name?: string): Promise<SoftMachine>;
}

export async function softWorld(): Promise<SoftWorld> {
  const clock = softClock();
  const relay = await startTestRelay({}, { now: clock.now });
  const apps: App[] = [];

  function open(platform: SoftPlatform): SoftPerson {
    const app = createApp(platform);
    apps.push(app);
    return { app, platform };
  }
  const browser = (options: Partial<SoftOptions> = {}): SoftPerson => open(softPlatform({ relayUrl: relay.url, clock, ...options }));

  return {
    relay,
    clock,
    browser,
    reload: ({ app, platform }) => {
      app.close();
      const { authenticator, backend } = platform;
      return browser({ authenticator, backend });
    },
    founder: async (name = 'ada', options = {}) => {
      const person = browser(options);
      await person.app.createOrg({ orgName: 'Analytical Engines', memberName: name, deviceName: `${name}’s phone` }, () => undefined);
      return person;
    },
    machine: async (admin, name = 'laptop') => {
      const { token } = await admin.app.enrolMachine({ here: false });
      const machine = await SoftMachine.enrol(softPlatform({ relayUrl: relay.url, clock }), token, name);
      await until(admin.app, () => admin.app.org()?.machines.find(({ id }) => id === machine.id), 'the machine to show');
      await admin.app.admitMachine(machine.id, machine.words);
      return machine;
    },
    [Symbol.asyncDispose]: async () => {
      for (const app of apps) app.close();
      await relay[Symbol.asyncDispose]();
    },
  };
}

/** A further person, through an invitation whose codes are the same on both sides. */
export async function joined(world: SoftWorld, admin: SoftPerson, name: string): Promise<SoftPerson> {
  const invite = await admin.app.invite({ memberName: name, roles: ['approver', 'writer'] });
  const person = world.browser();
  const theirs = await person.app.joinByInvite(invite.link ?? '', `${name}’s phone`);
  const [ours, others] = await Promise.all([invite.codes, theirs.codes]);
  if (ours.digits !== others.digits || ours.words !== others.words) throw new Error('the codes differ');
  await Promise.all([invite.confirm(), theirs.confirm()]);
  return person;
}

export function value(text: string): { readonly kind: 'value'; readonly value: Uint8Array } {
  return { kind: 'value', value: new TextEncoder().encode(text) };
}

/** A rule that any of these people, or `k` of them, may approve. */
export function ruleOf({ k, approvers, ...terms }: RuleTerms): RuleInput {
  return { ...defaultPolicy, clauses: [{ k, members: [...approvers].sort(), groups: [] }], ...terms };
}
type RuleTerms = Pick<RuleInput, 'pattern' | 'maxTtlS' | 'maxUses' | 'tier'> & { readonly k: number; readonly approvers: readonly MemberId[] };

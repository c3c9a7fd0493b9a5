// The secrets of one proxy: which placeholder stands for which, where each may go, and the asking for them (spec/16-proxy.md §asking).
import type { ReleaseAsk, SecretInfo } from '../protocol/local-api.ts';
import type { Client, Released } from '../sdk/client.ts';
import { StillvaultError } from '../sdk/errors.ts';
import { type Mask, createMask } from '../sdk/mask.ts';
import { hostsInWords, isProtected, namesHost } from '../sdk/sending.ts';
import { bounds } from './bounds.ts';
import { createPlaceholder } from './placeholders.ts';
import { ProxyError } from './proxy-error.ts';

export interface Item {
  readonly path: string;
  readonly field?: string;
}
export interface DeskOptions {
  readonly client: Pick<Client, 'info' | 'leases'>;
  /** Asks people, or is answered from a lease. */
  readonly release: (ask: ReleaseAsk) => Promise<Released>;
  /** Variable to the secret that it stands for. */
  readonly variables: ReadonlyMap<string, Item>;
  /** With a lease, every request of the program is one use of it; without, the values are held until the end. */
  readonly ask: Omit<ReleaseAsk, 'items'>;
  /** Ask at the first use, and again after a lease ended; else once, before anything runs, and never again. */
  readonly isLazy: boolean;
  readonly random: (length: number) => Uint8Array;
  readonly nowMs: () => number;
  readonly log: (line: string) => void;
}
export interface Desk {
  /** Variable to placeholder. */
  readonly placeholders: ReadonlyMap<string, string>;
  /** All hosts that the policies name. */
  hosts(): readonly string[];
  /** Looks the policies up, and asks where it is not lazy. Throws StillvaultError. */
  open(): Promise<void>;
  /** Whether any value may go there. */
  serves(target: URL): boolean;
  /** The values of these placeholders for one request; texts that are none are left out. Throws E_PROXY_SECRET_HOST, E_PROXY_RELEASE, E_PROXY_VALUE. */
  use(texts: readonly string[], target: URL): Promise<ReadonlyMap<string, string>>;
  /** Of all values so far; undefined where there are none. */
  mask(): Mask | undefined;
  /** Forgets the values. */
  end(): void;
}

export function createDesk({ client, release, variables, ask, isLazy, random, nowMs, log }: DeskOptions): Desk {
  const items = new Map<string, Item>(); // by placeholder
  const placeholderOf = new Map<string, string>(); // by reference
  for (const item of variables.values()) {
    const reference = referenceOf(item);
    if (placeholderOf.has(reference)) continue;
    const placeholder = createPlaceholder(random);
    placeholderOf.set(reference, placeholder);
    items.set(placeholder, item);
  }
  const infos = new Map<string, SecretInfo>();
  const held = new Map<string, Uint8Array>(); // by reference, where there is no lease
  /** What came with the approval of a lease, and was counted: it serves the first request. */
  let first: { readonly values: ReadonlyMap<string, Uint8Array>; readonly lease: string | undefined } | undefined;
  const seen: Uint8Array[] = []; // every value so far, for the mask
  const denials = new Map<string, { readonly error: StillvaultError; readonly untilMs: number }>();
  const sent = new Set<string>();
  let mask: Mask | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  const isLeased = ask.lease !== undefined || ask.leaseOnly === true;

  const take = (released: Released): ReadonlyMap<string, Uint8Array> => {
    const values = new Map(released.values.map((value) => [referenceOf(value), value.bytes] as const));
    const fresh = [...values.values()].filter((bytes) => !seen.some((known) => Buffer.from(known).equals(bytes)));
    seen.push(...fresh.map((bytes) => bytes.slice()));
    if (fresh.length > 0) mask = createMask(seen);
    return values;
  };

  const lookUp = async (paths: Iterable<string>): Promise<void> => {
    await Promise.all([...new Set(paths)].map(async (path) => infos.set(path, await client.info(path))));
  };

  const takeFirst = async (): Promise<ReadonlyMap<string, Uint8Array> | undefined> => {
    if (first === undefined) return undefined;
    const { values, lease } = first;
    first = undefined;
    if (lease === undefined || (await client.leases()).some(({ id }) => id === lease)) return values;
    for (const bytes of values.values()) bytes.fill(0);
    return undefined;
  };

  /** One after the other: the second finds the lease, or the value, that the first got. */
  const obtain = (wanted: readonly Item[]): Promise<ReadonlyMap<string, Uint8Array>> => {
    const mine = turn.then(async () => {
      const values = new Map<string, Uint8Array>();
      const missing = wanted.filter((item) => {
        const bytes = held.get(referenceOf(item));
        if (bytes !== undefined) values.set(referenceOf(item), bytes);
        return bytes === undefined;
      });
      if (missing.length === 0) return values;
      const counted = await takeFirst();
      if (counted !== undefined) return counted;
      for (const item of missing) {
        const denial = denials.get(item.path);
        if (denial !== undefined && nowMs() < denial.untilMs) throw denial.error;
      }
      const items = missing.map(({ path, field }) => (field === undefined ? { path } : { path, field }));
      try {
        const got = take(await release(isLazy ? { ...ask, items } : { items, leaseOnly: true }));
        for (const [reference, bytes] of got) values.set(reference, bytes);
        if (!isLeased) for (const [reference, bytes] of got) held.set(reference, bytes);
      } catch (error) {
        if (error instanceof StillvaultError && error.code === 'denied')
          for (const { path } of missing) denials.set(path, { error, untilMs: nowMs() + bounds.deniedMs });
        throw error;
      }
      return values;
    });
    turn = mine.catch(() => undefined);
    return mine;
  };

  const verifyHosts = (wanted: readonly Item[], target: URL): void => {
    for (const item of wanted) {
      const hosts = infos.get(item.path)?.policy.hosts;
      if (namesHost(hosts, target) && isProtected(target)) continue;
      const why = namesHost(hosts, target) ? 'secrets travel over https only' : hostsInWords(hosts);
      throw new ProxyError('E_PROXY_SECRET_HOST', `${referenceOf(item)} may not be sent to ${target.host}: ${why}`);
    }
  };

  return {
    placeholders: new Map([...variables].map(([name, item]) => [name, placeholderOf.get(referenceOf(item)) ?? ''])),
    hosts: () => [...infos.values()].flatMap(({ policy }) => policy.hosts ?? []),
    async open() {
      await lookUp([...items.values()].map(({ path }) => path));
      for (const { path, policy } of infos.values())
        if ((policy.hosts ?? []).length === 0)
          throw new StillvaultError('policy_forbids', `${path} may be sent nowhere: its policy names no host; nobody was asked`, {
            next: 'an admin names its hosts: stillvault policy export > policy.yaml, then hosts: [api.example.com] in its rule, then stillvault policy apply -f policy.yaml',
            detail: 'E_POLICY',
          });
      if (isLazy || items.size === 0) return;
      const released = await release({ ...ask, items: [...items.values()] });
      const values = take(released);
      if (isLeased) first = { values, lease: released.lease?.id };
      else for (const [reference, bytes] of values) held.set(reference, bytes);
    },
    serves: (target) => isProtected(target) && [...infos.values()].some(({ policy }) => namesHost(policy.hosts, target)),
    async use(texts, target) {
      const known = [...new Set(texts)].flatMap((placeholder) => {
        const item = items.get(placeholder);
        return item === undefined ? [] : [{ placeholder, item }];
      });
      if (known.length === 0) return new Map();
      const wanted = known.map(({ item }) => item);
      verifyHosts(wanted, target);
      try {
        // What is asked for anew goes by the policy of now.
        if (wanted.some((item) => !held.has(referenceOf(item)))) await lookUp(wanted.map(({ path }) => path));
        verifyHosts(wanted, target);
        const values = await obtain(wanted);
        const texts = new Map(
          known.map(({ placeholder, item }) => {
            const reference = referenceOf(item);
            const text = textOf(reference, values.get(reference));
            if (!sent.has(`${reference} ${target.host}`)) log(`${reference} goes to ${target.host}`);
            sent.add(`${reference} ${target.host}`);
            return [placeholder, text];
          }),
        );
        if (isLeased) for (const bytes of values.values()) bytes.fill(0);
        return texts;
      } catch (error) {
        if (!(error instanceof StillvaultError)) throw error;
        const names = wanted.map(referenceOf).join(', ');
        throw new ProxyError('E_PROXY_RELEASE', `${names} was not released: ${error.message}`, { cause: error });
      }
    },
    mask: () => mask,
    end() {
      for (const bytes of [...held.values(), ...seen, ...(first?.values.values() ?? [])]) bytes.fill(0);
      held.clear();
      seen.length = 0;
    },
  };
}

function referenceOf({ path, field }: Item): string {
  return field === undefined ? path : `${path}#${field}`;
}

function textOf(reference: string, bytes: Uint8Array | undefined): string {
  if (bytes === undefined) throw new ProxyError('E_PROXY_RELEASE', `the daemon released no value for ${reference}`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ProxyError('E_PROXY_VALUE', `${reference} is not text: a proxy cannot put it in`);
  }
}

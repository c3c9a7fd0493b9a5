// Real daemons on a real relay, with the people of the fake world: what the daemon's tests start from. Never shipped.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../daemon/clock.ts';
import { type DaemonOptions, type RunningDaemon, startDaemon } from '../daemon/start.ts';
import type { MachineId } from '../protocol/hash.ts';
import type { Secret } from '../protocol/org-log/state.ts';
import { machineEntitled, policyFor } from '../protocol/policy.ts';
import type { LeaseSummary, PutAsk, PutEvent, PutItem, ReleaseAsk, ReleaseEvent, Status } from '../protocol/local-api.ts';
import { type RunningRelay, startRelay } from '../relay/main.ts';
import { type HostileRelay, startHostileRelay } from './hostile-relay.ts';
import { type LiveOrg, type SeenRequest, createLiveOrg } from './live-org.ts';
import { type GenesisOptions, World, found } from './world.ts';
import type { DoctoredAnswer } from './world-release.ts';

/** Real time, that a test may move. */
export interface MovedClock extends Clock {
  /** All clocks. */
  advance(ms: number): void;
  /** The machine sleeps: its monotonic clock stands still. */
  suspend(ms: number): void;
  /** Somebody sets the wall clock. */
  setWall(ms: number): void;
}
type LogLine = Readonly<Record<string, unknown>>;

export class LiveDaemon implements AsyncDisposable {
  readonly stateDir: string;
  readonly socketPath: string;
  readonly clock: MovedClock = movedClock();
  readonly log: LogLine[] = [];
  running: RunningDaemon | undefined;
  machine = '' as MachineId; // until it has joined
  private readonly options: Partial<DaemonOptions>;

  constructor(dir: string, options: Partial<DaemonOptions> = {}) {
    this.stateDir = join(dir, 'state');
    this.socketPath = join(dir, 'run', 'd.sock');
    this.options = options;
  }

  async start(options: Partial<DaemonOptions> = {}): Promise<this> {
    this.running = await startDaemon({
      stateDir: this.stateDir,
      socketPath: this.socketPath,
      version: 'test',
      log: (line) => void this.log.push({ ...line }),
      own: [],
      limiter: { take: () => undefined },
      clock: this.clock,
      tickMs: 20,
      ...this.options,
      ...options,
    });
    return this;
  }

  async stop(): Promise<void> {
    const { running } = this;
    this.running = undefined;
    await running?.stop();
  }

  status(): Status {
    if (!this.running) throw new Error('the daemon does not run');
    return this.running.status();
  }

  /** Codes of the problems so far, in order. */
  problems(): readonly unknown[] {
    return this.log.filter(({ event }) => event === 'problem').map(({ code }) => code);
  }

  release(ask: ReleaseAsk | string): Conversation<ReleaseEvent> {
    return new Conversation(this.socketPath, '/v1/release', typeof ask === 'string' ? { items: [{ path: ask }] } : ask);
  }

  put({ timeoutS, ...ask }: (PutItem | Pick<PutAsk, 'puts'>) & Pick<PutAsk, 'timeoutS'>): Conversation<PutEvent> {
    const puts = 'puts' in ask ? ask.puts : [ask];
    return new Conversation(this.socketPath, '/v1/put', { puts, ...(timeoutS === undefined ? {} : { timeoutS }) } satisfies PutAsk);
  }

  async call(path: string, body?: object): Promise<unknown> {
    const response = await fetch(`http://local${path}`, {
      unix: this.socketPath,
      method: body ? 'POST' : 'GET',
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return response.json();
  }

  async leases(): Promise<readonly LeaseSummary[]> {
    return (await this.call('/v1/leases')) as readonly LeaseSummary[]; // what the daemon says
  }

  /** The daemon's log is where the world's is. */
  async inStep({ world }: LiveOrg): Promise<void> {
    await until(() => this.status().log?.seq === world.state.head.seq, 'the daemon has the newest log');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** One streaming ask, read to its end in the background. */
export class Conversation<E extends { readonly event: string }> {
  readonly events: E[] = [];
  /** The last event; undefined where the connection ended without any. */
  readonly end: Promise<E | undefined>;
  private readonly leaving = new AbortController();
  private isOver = false;

  constructor(socketPath: string, path: string, body: object) {
    this.end = this.read(socketPath, path, body);
    this.end.catch(() => undefined);
  }

  private async read(socketPath: string, path: string, body: object): Promise<E | undefined> {
    try {
      const response = await fetch(`http://local${path}`, {
        unix: socketPath,
        method: 'POST',
        body: JSON.stringify(body),
        signal: this.leaving.signal,
        keepalive: false,
      });
      let rest = '';
      for await (const chunk of response.body ?? []) {
        rest += Buffer.from(chunk).toString();
        for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
          const event = JSON.parse(rest.slice(0, end)) as object; // what the daemon says
          this.events.push(('event' in event ? event : { event: 'error', ...event }) as E); // a refusal before any event
          rest = rest.slice(end + 1);
        }
      }
    } catch (error) {
      if (!this.leaving.signal.aborted) throw error;
    } finally {
      this.isOver = true;
    }
    return this.events.at(-1);
  }

  /** The first event of that kind. Throws where the conversation ends without it. */
  async next<K extends E['event']>(kind: K): Promise<Extract<E, { readonly event: K }>> {
    const find = (): E | undefined => this.events.find(({ event }) => event === kind);
    await until(() => find() !== undefined || this.isOver, kind);
    const event = find();
    if (!event) throw new Error(`no event ${kind}: ${JSON.stringify(this.events)}`);
    return event as Extract<E, { readonly event: K }>; // its kind was compared
  }

  /** The requester goes away. */
  leave(): void {
    this.leaving.abort();
  }
}

export interface LiveOptions {
  readonly genesis?: GenesisOptions;
  /** Stands between daemons and relay; people reach the relay directly. */
  readonly hostile?: boolean;
  /** People go through it too. */
  readonly peopleToo?: boolean;
  /** Name of the first machine. */
  readonly machine?: string;
  /** Takes the relay's log. */
  readonly relayLog?: (line: string) => void;
  /** Members beside the founder. */
  readonly members?: readonly string[];
  readonly daemon?: Partial<DaemonOptions>;
  /** Stored before the test begins: path → value. */
  readonly secrets?: Readonly<Record<string, string>>;
}
export class Live implements AsyncDisposable {
  readonly dir: string;
  readonly org: LiveOrg;
  readonly daemon: LiveDaemon;
  readonly hostile: HostileRelay | undefined;
  relay: RunningRelay;
  private readonly daemons: LiveDaemon[];
  private readonly publicUrl: string | undefined;

  constructor(dir: string, relay: RunningRelay, org: LiveOrg, daemon: LiveDaemon, hostile: HostileRelay | undefined) {
    [this.dir, this.relay, this.org, this.daemon, this.hostile] = [dir, relay, org, daemon, hostile];
    this.daemons = [daemon];
    this.publicUrl = hostile?.url;
  }

  get world(): World {
    return this.org.world;
  }

  /** The relay's lies. */
  get liar(): HostileRelay {
    if (!this.hostile) throw new Error('this relay is honest');
    return this.hostile;
  }

  /** A further machine, enrolled and admitted; the others have given it their halves of the secrets. */
  async addDaemon(name: string, facts: Parameters<LiveOrg['admit']>[0] = {}, withHalves = true): Promise<LiveDaemon> {
    const daemon = await new LiveDaemon(join(this.dir, name)).start();
    this.daemons.push(daemon);
    await enrol(this.org, daemon, name, facts);
    if (!withHalves) return daemon;
    // Whoever writes next writes after the other machines have given this one its halves.
    await until(async () => {
      await this.org.sync();
      return this.waiting(daemon.machine).length === 0;
    }, 'the new machine has its halves');
    await this.settle();
    return daemon;
  }

  /** Secrets whose half that machine is still to get. */
  waiting(machine: MachineId): readonly string[] {
    const { state } = this.world;
    const isMissing = ({ path, wraps, retired }: Secret): boolean => {
      const policy = policyFor(state, path);
      return !retired && policy !== undefined && machineEntitled(state, policy, machine) && !wraps.some(({ recipient }) => recipient === machine);
    };
    return [...state.secrets.values()].filter(isMissing).map(({ path }) => path);
  }

  /** Changes of the world are at the relay, and the daemon has them. */
  async settle(): Promise<void> {
    this.world.clock.set(Date.now());
    await this.org.sync();
    await this.daemon.inStep(this.org);
  }

  async change(act: (world: World) => Promise<unknown>): Promise<void> {
    await this.settle();
    await act(this.world);
    await this.settle();
  }

  /** A change that the daemon is not waited for to see. */
  async unseen(act: (world: World) => Promise<unknown>): Promise<void> {
    await this.org.sync();
    this.world.clock.set(Date.now());
    await act(this.world);
    await this.org.sync();
  }

  /** This very request at that member's first device, verified as a console would; older ones there are passed over. */
  async seen(asked: Conversation<ReleaseEvent> | Conversation<PutEvent>, name = 'ada'): Promise<SeenRequest> {
    const { request_id: id } = await (asked as Conversation<ReleaseEvent>).next('waiting'); // both kinds have this event
    for (;;) {
      const seen = await this.org.nextRequest(this.world.device(name));
      if (seen.verified.request.requestId === id) return seen;
    }
  }

  async approve(asked: Conversation<ReleaseEvent>, name = 'ada', how?: DoctoredAnswer): Promise<SeenRequest> {
    const seen = await this.seen(asked, name);
    await this.org.decide(seen, 'approve', how);
    return seen;
  }

  async deny(asked: Conversation<ReleaseEvent> | Conversation<PutEvent>, name = 'ada'): Promise<SeenRequest> {
    const seen = await this.seen(asked, name);
    await this.org.decide(seen, 'deny');
    return seen;
  }

  /** Asked, approved, delivered. */
  async get(ask: ReleaseAsk | string, name = 'ada'): Promise<string> {
    const asked = this.daemon.release(ask);
    await this.approve(asked, name);
    return textOf(await asked.end);
  }

  /** Approved with a lease as asked for. */
  async lease(path: string, terms: NonNullable<ReleaseAsk['lease']> = { ttlS: 600, uses: 10 }): Promise<LeaseSummary> {
    const asked = this.daemon.release({ items: [{ path }], lease: terms });
    await this.approve(asked);
    const event = await asked.next('released');
    if (!event.lease) throw new Error('no lease was granted');
    return event.lease;
  }

  async stopRelay(): Promise<void> {
    await this.relay.stop();
  }

  async startRelay(): Promise<void> {
    this.relay = await startRelay(relayOptions(this.dir, this.relay.port, this.publicUrl));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.daemons) await daemon.stop();
    await this.hostile?.[Symbol.asyncDispose]();
    await this.relay.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const plenty = { addressRate: 1e6, addressBurst: 1e6, keyRate: 1e6, keyBurst: 1e6 };
const relayOptions = (dir: string, port: number, publicUrl: string | undefined): Parameters<typeof startRelay>[0] => ({
  dataDir: join(dir, 'relay'),
  port,
  logLevel: 'off',
  quotas: plenty,
  signUp: { kind: 'open' },
  ...(publicUrl === undefined ? {} : { publicUrl }),
});

/** A relay, ada's organisation and one enrolled daemon. */
export async function startLive(live: LiveOptions = {}): Promise<Live> {
  const { genesis, hostile = false, peopleToo = false, machine = 'build-1', relayLog, members = [], daemon: options = {}, secrets = {} } = live;
  const dir = mkdtempSync(join(tmpdir(), 'sv-'));
  const liar = hostile ? startHostileRelay() : undefined;
  const relay = await startRelay({ ...relayOptions(dir, 0, liar?.url), ...(relayLog ? { logLevel: 'debug' } : {}) }, relayLog ? { writeLog: relayLog } : {});
  const direct = `http://127.0.0.1:${relay.port}`;
  if (liar) liar.target = direct;
  const world = new World('live');
  world.clock.set(Date.now());
  await world.genesis({ ...genesis });
  for (const name of members) await world.addMember(name);
  const org = await createLiveOrg(world, relay.url, (url) => (peopleToo ? url : url.replace(relay.url, direct)));
  await org.sync();
  const daemon = await new LiveDaemon(dir, options).start();
  const started = new Live(dir, relay, org, daemon, liar);
  await enrol(org, daemon, machine);
  for (const [path, value] of Object.entries(secrets)) await world.put(path, value);
  await started.settle();
  return started;
}

async function enrol(org: LiveOrg, daemon: LiveDaemon, name: string, facts?: Parameters<LiveOrg['admit']>[0]): Promise<void> {
  const { machine } = await found(daemon.running, 'running daemon').join({ token: await org.token(), name });
  daemon.machine = machine.id as MachineId; // an id that the daemon made
  await org.admit({ ...facts, machine: daemon.machine });
  await until(() => daemon.status().state === 'ready', 'the machine is ready');
}

/** Looks again until it holds; a test that waits in vain says for what. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, withinMs = 4_500): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`in vain: ${what}`);
    await Bun.sleep(2);
  }
}

export const textOf = (event: ReleaseEvent | undefined): string => {
  if (event?.event !== 'released') throw new Error(`no release: ${JSON.stringify(event)}`);
  return event.values.map(({ value }) => Buffer.from(value, 'base64').toString()).join();
};
/** Exact reason of a failure. */
export const detailOf = (event: ReleaseEvent | PutEvent | undefined): string | undefined => {
  if (event?.event !== 'error') throw new Error(`no failure: ${JSON.stringify(event)}`);
  return event.error.detail;
};

function movedClock(): MovedClock {
  let [wall, mono, boot] = [0, 0, 0];
  return {
    now: () => Date.now() + wall,
    monotonicMs: () => performance.now() + mono,
    bootMs: () => performance.now() + boot,
    advance: (ms) => {
      [wall, mono, boot] = [wall + ms, mono + ms, boot + ms];
    },
    suspend: (ms) => {
      [wall, boot] = [wall + ms, boot + ms];
    },
    setWall: (ms) => void (wall = ms),
  };
}

/** Bytes of a file of the state folder. */
export function fileOf(daemon: LiveDaemon, name: string): Buffer {
  return readFileSync(join(daemon.stateDir, name));
}

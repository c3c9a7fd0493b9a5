// What a machine does for custody by itself: own copies of what it holds a half of, halves for machines that joined later (spec/07-custody.md §rewrap).
import type { Hash } from '../../protocol/hash.ts';
import type { Random } from '../../protocol/random.ts';
import { keepReplicas } from './replicas.ts';
import { type RewrapDeps, rankOf, rewrapForNewMachines, servable } from './rewrap.ts';

export interface UpkeepDeps extends Omit<RewrapDeps, 'broken'> {
  readonly random: Random;
  readonly monotonicMs: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** How much longer each machine waits than the one before it in line. */
  readonly stepMs: number;
}
export interface Upkeep {
  /** Something may have changed. One pass runs at a time; what changes meanwhile is looked at after it. */
  look(): void;
  /** Ends at the next step and resolves when it has. */
  stop(): Promise<void>;
}

/** The longest that a machine waits for others in line; and for its own next attempt. */
const maxSteps = 20;
const maxPauses = 8;

export function createUpkeep(deps: UpkeepDeps): Upkeep {
  const stopping = new AbortController();
  const kept = new Set<Hash>();
  const broken = new Set<Hash>();
  let running: Promise<void> | undefined;
  let again = false;
  let timer: AbortController | undefined;
  // How many waited when somebody last got on with it, and since when.
  let line = { waiting: 0, since: 0 };
  let failures = 0;

  function look(): void {
    again = true;
    if (!stopping.signal.aborted) running ??= passes().finally(() => (running = undefined));
  }

  async function passes(): Promise<void> {
    while (again && !stopping.signal.aborted) {
      again = false;
      const { state } = deps.link.log;
      if (!state) return;
      await keepReplicas(deps, state, kept).catch(deps.onProblem);
      await serve();
    }
  }

  async function serve(): Promise<void> {
    const { state } = deps.link.log;
    const waiting = servable(state, deps.machine.machine, broken);
    const [first] = waiting;
    if (!state || !first) return void (line = { waiting: 0, since: 0 });
    // Whoever is before this machine in line gets on with it, or had its time.
    if (waiting.length !== line.waiting) line = { waiting: waiting.length, since: deps.monotonicMs() };
    const turn = Math.min(rankOf(state, deps.machine.machine, first), maxSteps) + (failures > 0 ? 2 ** Math.min(failures, maxPauses) + jitter() : 0);
    const leftMs = line.since + turn * deps.stepMs - deps.monotonicMs();
    if (leftMs > 0) return later(leftMs);
    try {
      await rewrapForNewMachines({ ...deps, broken }, stopping.signal);
      failures = 0;
    } catch (error) {
      failures++;
      line = { ...line, since: deps.monotonicMs() };
      deps.onProblem(error);
      later(deps.stepMs);
    }
  }

  // Two machines that failed at the same moment do not meet again at the next.
  const jitter = (): number => (deps.random(1)[0] ?? 0) / 256;

  function later(ms: number): void {
    timer?.abort();
    const mine = (timer = new AbortController());
    void deps.sleep(ms, mine.signal).then(() => {
      if (!mine.signal.aborted) look();
    });
  }

  return {
    look,
    stop: async () => {
      stopping.abort();
      timer?.abort();
      await running;
    },
  };
}

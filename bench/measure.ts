// Paired timing: two things in turn, medians and spread, so that a noisy machine disturbs both alike.

export interface Spread {
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly max: number;
  readonly n: number;
}

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
  return { min: at(0), p50: at(0.5), p90: at(0.9), max: at(1), n: sorted.length };
}

export interface Paired {
  readonly ours: Spread;
  readonly theirs: Spread;
  /** ours / theirs, pair by pair */ readonly ratio: Spread;
}

/** A B A B …: each sample is one duration in the unit that the functions answer. */
export async function paired(runs: number, ours: () => Promise<number>, theirs: () => Promise<number>, warmUp: number = Math.ceil(runs / 10)): Promise<Paired> {
  for (let i = 0; i < warmUp; i++) {
    await ours();
    await theirs();
  }
  const a: number[] = [];
  const b: number[] = [];
  for (let i = 0; i < runs; i++) {
    // The order alternates: whoever goes second finds warmer caches.
    if (i % 2 === 0) {
      a.push(await ours());
      b.push(await theirs());
    } else {
      b.push(await theirs());
      a.push(await ours());
    }
  }
  return { ours: spreadOf(a), theirs: spreadOf(b), ratio: spreadOf(a.map((value, index) => value / (b[index] ?? Number.NaN))) };
}

/** Milliseconds of one act. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await act();
  return performance.now() - from;
}

/** What this machine does by itself: the spread of a fixed loop, in ms. A wide one says that the figures are noisy. */
export async function machineNoise(): Promise<Spread> {
  const samples: number[] = [];
  for (let i = 0; i < 40; i++) {
    samples.push(
      await timed(async () => {
        let x = 1;
        for (let n = 0; n < 1_000_000; n++) x = (x * 48_271) % 2_147_483_647;
        return x;
      }),
    );
  }
  return spreadOf(samples);
}

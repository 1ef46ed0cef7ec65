/** How often something took how long: counts by upper bound, as Prometheus wants them, without its library. */
export interface Durations {
  /** For each of the bounds, how many took at most so long. */
  readonly cumulative: readonly number[];
  readonly count: number;
  readonly sumSeconds: number;
}

/** Seconds. */
export const BOUNDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600, 3600, 21_600] as const;

/**
 * Counts what happens while nobody looks: plain numbers, so that a server that nobody asks for metrics loads nothing for
 * them, and a create pays less than a microsecond. Names of series are few and fixed; nothing of a task or a tenant is one.
 */
export class Recorder {
  readonly #counts = new Map<string, number>();
  readonly #durations = new Map<string, { buckets: number[]; count: number; sumSeconds: number }>();

  count(series: string, by = 1): void {
    this.#counts.set(series, (this.#counts.get(series) ?? 0) + by);
  }

  took(series: string, ms: number): void {
    let found = this.#durations.get(series);
    if (found === undefined) {
      found = { buckets: BOUNDS.map(() => 0), count: 0, sumSeconds: 0 };
      this.#durations.set(series, found);
    }
    const seconds = ms / 1000;
    const at = BOUNDS.findIndex((bound) => seconds <= bound);
    if (at >= 0) found.buckets[at] = (found.buckets[at] ?? 0) + 1;
    found.count += 1;
    found.sumSeconds += seconds;
  }

  /** Runs something and records how long it took, also where it fails. */
  async timed<T>(series: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.took(series, performance.now() - start);
    }
  }

  counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  durations(): ReadonlyMap<string, Durations> {
    return new Map(
      [...this.#durations].map(([series, { buckets, count, sumSeconds }]) => {
        let sum = 0;
        return [series, { cumulative: buckets.map((each) => (sum += each)), count, sumSeconds }];
      }),
    );
  }
}

import type { Measurement } from './measurement.ts';

/** One part of the benchmark, which can be run alone by its name. */
export interface Suite {
  readonly name: string;
  readonly what: string;
  run(options: SuiteOptions): Promise<void>;
}

export interface SuiteOptions {
  /** A tenth of the work or less: shows that everything works, not how fast it is. */
  readonly isQuick: boolean;
  /** A folder on the disk that is meant, which is removed afterwards. */
  readonly folder: string;
  readonly report: (...measurements: Measurement[]) => void;
}

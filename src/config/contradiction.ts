/** Keys that are right each by itself, but not together. */
export interface Contradiction {
  /** The dotted keys that contradict each other; the first is where the error is shown. */
  readonly paths: readonly string[];
  readonly problem: string;
}

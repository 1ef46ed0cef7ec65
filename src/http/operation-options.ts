import type { Operation } from '../engine/operation.ts';
import type { Backups } from '../store/backup.ts';

/** What the HTTP room needs for operators and their tools; what is left out has no route. */
export interface OperationOptions {
  /** Subjects that may operate the server. */
  readonly operators: readonly string[];
  readonly operation: Operation;
  readonly readiness: readonly ReadinessCheck[];
  readonly backups?: Backups;
  readonly metrics?: Metrics;
  readonly leftovers?: Leftovers;
}

/** Something without which no task can run. */
export interface ReadinessCheck {
  readonly name: string;
  /** Rejects where it doesn't answer. */
  readonly check: () => Promise<unknown>;
}

export interface Metrics {
  readonly access: 'operators' | 'everybody';
  /** In the text format of Prometheus. */
  readonly text: () => Promise<{ readonly type: string; readonly body: string }>;
}

/** What no task owns. */
export interface Leftovers {
  find(): Promise<readonly Leftover[]>;
  /** Removes what `find` finds now; what can't be removed is told with its reason. */
  remove(): Promise<readonly (Leftover & { readonly failure?: string })[]>;
}

export interface Leftover {
  readonly kind: string;
  /** A path, or the name of a container. */
  readonly name: string;
  /** Why nothing needs it. */
  readonly reason: string;
  readonly bytes?: number;
}

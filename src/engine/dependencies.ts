import type { Backend } from '../backends/backend.ts';
import type { Store } from '../store/store.ts';
import type { Leases } from './leases.ts';
import type { EngineLogger } from './logger.ts';
import type { Notices } from './notices.ts';
import type { Patience } from './persistence.ts';

/** What every part of the engine works with. */
export interface Dependencies {
  readonly store: Store;
  readonly backend: Backend;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly logger: EngineLogger;
  readonly notices: Notices;
  readonly patience: Patience;
  readonly leases: Leases;
  /** How many attempts a task may have in all where the host is at fault. */
  readonly attempts: number;
}

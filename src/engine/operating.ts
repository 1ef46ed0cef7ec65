import { BulkheadError } from '../errors.ts';
import type { DiskGuard } from './disk-guard.ts';
import type { EngineLogger } from './logger.ts';
import type { Operation, Starts } from './operation.ts';

/** A drain lasts until what runs has ended, or an operator takes it back: asking more often helps nobody. Milliseconds. */
const DRAIN_MS = 60_000;

/** Drain and disk guard together, as operators and callers meet them. */
export function createOperation(parts: {
  readonly starts: Starts;
  readonly guard: Pick<DiskGuard, 'refusal'>;
  readonly logger: EngineLogger;
}): Operation {
  const { guard, logger, starts } = parts;
  let refusesCreates = false;

  /** Undefined where a new task is taken. */
  function refusal(): BulkheadError | undefined {
    if (!refusesCreates) return guard.refusal();
    return new BulkheadError(
      'busy',
      'This server is being drained and takes no new tasks: send them to another, or try again later.',
      { retryAfterMs: DRAIN_MS },
    );
  }

  return {
    drain({ refuseCreates }) {
      refusesCreates = refuseCreates;
      starts.hold(
        'drain',
        `drained by an operator: what runs comes to its end, new tasks ${refuseCreates ? 'are refused' : 'wait in the queue'}`,
      );
      logger.info({ refuseCreates, running: starts.running() }, 'draining: nothing new is started');
    },
    resume() {
      refusesCreates = false;
      starts.lift('drain');
      logger.info({ running: starts.running() }, 'no longer draining');
    },
    state: () => ({
      holds: starts.holds(),
      takesCreates: refusal() === undefined,
      running: starts.running(),
    }),
    assertTakes() {
      const error = refusal();
      if (error !== undefined) throw error;
    },
  };
}

import type { Backend, Capacity } from '../backends/backend.ts';
import { BulkheadError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { Dependencies } from './dependencies.ts';
import type { Engine } from './engine.ts';
import { Holds } from './holds.ts';
import { followLogs } from './logs.ts';
import type { EngineLogger } from './logger.ts';
import { Notices } from './notices.ts';
import type { Starts } from './operation.ts';
import { persist } from './persistence.ts';
import type { Patience } from './persistence.ts';
import { Queue } from './queue.ts';
import { QueuePatrol } from './queue-patrol.ts';
import { handleOf, resumeAttempt } from './recovery.ts';
import { purgeEnded } from './retention.ts';
import { startRounds } from './rounds.ts';
import type { Rounds } from './rounds.ts';

export interface EngineOptions {
  readonly store: Store;
  readonly backend: Backend;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly logger: EngineLogger;
  readonly limits: EngineLimits;
  /** Removes what is left of purged tasks beside their records, such as their logs on disk. */
  readonly forget?: (taskIds: readonly string[]) => Promise<void>;
  /** Between tries of what failed. */
  readonly patience?: Patience;
}

export interface EngineLimits {
  /** Milliseconds that a task is kept after its end; null: for ever. */
  readonly retentionMs: number | null;
}

const PATIENCE: Patience = { firstMs: 50, maxMs: 10_000 };
const PATROL_EVERY_MS = 1000;
const RESCAN_EVERY_MS = 60_000;
const PURGE_EVERY_MS = 10 * 60_000;
/** How often sweeping is tried before the server begins without. */
const SWEEPS = 3;

/** The engine on one store and one backend. `start` throws what `capacity` of the backend and reading the store throw. */
export function createEngine(options: EngineOptions): Engine & Starts {
  const { backend, logger, store } = options;
  const dependencies: Dependencies = {
    store,
    backend,
    now: options.now,
    logger,
    notices: new Notices(),
    patience: options.patience ?? PATIENCE,
  };
  const holds = new Holds(options.now, () => queue.rescan());
  const queue = new Queue(dependencies, holds);
  let capacity: Capacity | undefined;
  let rounds: readonly Rounds[] = [];

  async function start(): Promise<void> {
    capacity = await backend.capacity();
    await takeUp();
    queue.open(capacity);
    rounds = startAllRounds();
  }

  /** What an earlier process left: what can go on goes on, and the backend removes what no task knows of. */
  async function takeUp(): Promise<void> {
    const left = await store.active();
    await sweep(left.map(handleOf).filter((handle) => handle !== undefined));
    for (const task of left) queue.adopt(resumeAttempt(dependencies, task), task.sandbox.limits);
    if (left.length > 0) logger.info({ count: left.length }, 'took up tasks that an earlier process left');
  }

  async function sweep(known: Parameters<Backend['sweep']>[0]): Promise<void> {
    try {
      await persist(async () => await backend.sweep(known), {
        patience: dependencies.patience,
        passes: () => true,
        tries: SWEEPS,
        onFailure: warnOfSweep,
      });
    } catch (error) {
      warnOfSweep(error);
    }
  }

  function warnOfSweep(error: unknown): void {
    logger.error({ err: error }, 'what no task knows of could not be removed');
  }

  function warnOfRound(error: unknown): void {
    logger.warn({ err: error }, 'a recurring task of the engine failed; it comes again');
  }

  function startAllRounds(): readonly Rounds[] {
    const patrol = new QueuePatrol(dependencies);
    const retention = {
      retentionMs: options.limits.retentionMs,
      forget: options.forget ?? (async () => undefined),
    };
    return [
      startRounds(PATROL_EVERY_MS, async () => queue.drop(await patrol.round()), warnOfRound),
      startRounds(RESCAN_EVERY_MS, async () => queue.rescan(), warnOfRound),
      startRounds(PURGE_EVERY_MS, async () => void (await purgeEnded(dependencies, retention)), warnOfRound),
    ];
  }

  /** The store decides: a cancel that came after the end changes nothing. */
  async function cancelIfCanceling(taskId: string): Promise<void> {
    const task = await persist(async () => await store.get(taskId, { view: 'MINIMAL' }), {
      patience: dependencies.patience,
      passes: () => queue.attempt(taskId) !== undefined,
      onFailure: (error) =>
        logger.warn({ err: error, taskId }, 'a canceled task could not be read; trying again'),
    });
    if (task?.state === 'CANCELING') queue.attempt(taskId)?.cancel();
    else queue.drop(new Set([taskId]));
    dependencies.notices.tell(taskId);
  }

  return {
    start,
    wake: () => queue.arrival(),
    cancel: (taskId) => {
      cancelIfCanceling(taskId).catch((error: unknown) =>
        logger.error({ err: error, taskId }, 'a cancel could not be passed on'),
      );
    },
    capacity: () => capacity ?? notStarted(),
    logs: (taskId, following) =>
      followLogs(dependencies, (id) => queue.attempt(id)?.course(), taskId, following),
    hold: (cause, reason) => holds.hold(cause, reason),
    lift: (cause) => holds.lift(cause),
    holds: () => holds.list(),
    running: () => queue.running,
    stop: async ({ drain }) => {
      await Promise.all(rounds.map(async (each) => await each.stop()));
      await queue.close({ drain });
    },
  };
}

function notStarted(): never {
  throw new BulkheadError('internal', 'the capacity is known only after the engine has started');
}

import type { Backend, Capacity } from '../backends/backend.ts';
import { BulkheadError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { Dependencies } from './dependencies.ts';
import type { Engine } from './engine.ts';
import { Holds } from './holds.ts';
import { Leases } from './leases.ts';
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
  /** Between attempts of a task. */
  readonly backOff?: Patience;
  /**
   * The name under which this engine has its leases. Only one engine of a name may be alive: at its start it takes over all
   * leases of its name.
   */
  readonly holder?: string;
  /** How long others wait for this engine before they take over what it has, in milliseconds. */
  readonly leaseMs?: number;
  /** Milliseconds on a clock that nobody sets. */
  readonly uptime?: () => number;
}

export interface EngineLimits {
  /** Milliseconds that a task is kept after its end; null: for ever. */
  readonly retentionMs: number | null;
  /** How many attempts a task may have in all where the host is at fault; 1, or left out: none after the first. */
  readonly attempts?: number;
}

const BACK_OFF: Patience = { firstMs: 2_000, maxMs: 300_000 };
const LEASE_MS = 30_000;
const PATIENCE: Patience = { firstMs: 50, maxMs: 10_000 };
const PATROL_EVERY_MS = 1000;
const RESCAN_EVERY_MS = 60_000;
const PURGE_EVERY_MS = 10 * 60_000;
/** How often sweeping is tried before the server begins without. */
const SWEEPS = 3;

/** The engine on one store and one backend. `start` throws what `capacity` of the backend and reading the store throw. */
export function createEngine(options: EngineOptions): Engine & Starts {
  const { backend, logger, store, leaseMs = LEASE_MS, patience = PATIENCE } = options;
  const leases = new Leases({
    store,
    logger,
    patience,
    now: options.now,
    uptime: options.uptime ?? (() => performance.now()),
    holder: options.holder ?? 'engine',
    leaseMs,
  });
  const dependencies: Dependencies = {
    store,
    backend,
    now: options.now,
    logger,
    notices: new Notices(),
    patience,
    leases,
    attempts: options.limits.attempts ?? 1,
  };
  const holds = new Holds(options.now, () => queue.rescan());
  const queue = new Queue(dependencies, holds, options.backOff ?? BACK_OFF);
  let capacity: Capacity | undefined;
  let rounds: readonly Rounds[] = [];
  let renewing: Rounds | undefined;
  let isStopping = false;

  async function start(): Promise<void> {
    capacity = await backend.capacity();
    await takeUp({ own: true });
    renewing = startRounds(leaseMs / 3, renewAndTakeUp, warnOfRound);
    queue.open(capacity);
    rounds = startAllRounds();
  }

  /**
   * What an earlier process left, and with `own` false what other engines left in time: what can go on goes on. At the
   * start, the backend removes what no task knows of.
   */
  async function takeUp({ own }: { own: boolean }): Promise<void> {
    const since = leases.moment();
    const taken = await store.takeOver({ ...leases.terms, own });
    if (!own && taken.length === 0) return;
    const tokens = new Map(taken.map(({ id, token }) => [id, token]));
    const active = await store.active();
    if (own) await sweep(active.map(handleOf).filter((handle) => handle !== undefined));
    for (const task of active) {
      const token = tokens.get(task.id);
      if (token === undefined || queue.attempt(task.id) !== undefined) continue;
      queue.adopt(resumeAttempt(dependencies, task, { token, since }), task.sandbox.limits);
    }
    if (taken.length > 0) logger.info({ count: taken.length }, 'took up tasks that were left');
  }

  /** In this order: what this engine has is never taken for what was left. */
  async function renewAndTakeUp(): Promise<void> {
    await leases.renew();
    if (!isStopping) await takeUp({ own: false });
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
      isStopping = true;
      await Promise.all(rounds.map(async (each) => await each.stop()));
      await queue.close({ drain });
      await renewing?.stop();
    },
  };
}

function notStarted(): never {
  throw new BulkheadError('internal', 'the capacity is known only after the engine has started');
}

import { BulkheadError } from '../errors.ts';
import type { EngineLogger } from './logger.ts';
import type { Starts } from './operation.ts';
import { startRounds } from './rounds.ts';
import type { Rounds } from './rounds.ts';

/** Free and all bytes of the file system of the data folder. */
export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Bytes, or a part of the whole file system; null: never too little. */
export type DiskThreshold = number | { readonly percent: number } | null;

export interface DiskGuardOptions {
  readonly starts: Pick<Starts, 'hold' | 'lift'>;
  /** Below these. */
  readonly thresholds: { readonly starts: DiskThreshold; readonly creates: DiskThreshold };
  readonly measure: () => Promise<DiskSpace>;
  /** Gives up what nobody uses, before anything is held up for want of room. */
  readonly reclaim: () => Promise<void>;
  readonly logger: EngineLogger;
  /** Milliseconds between measurements. */
  readonly everyMs?: number;
}

/** Holds up new attempts while the disk of the data folder is nearly full, and says when no task can be stored. */
export interface DiskGuard {
  /** `disk-full`, where a new task is to be refused for now. */
  refusal(): BulkheadError | undefined;
  /** As it was measured last. */
  space(): DiskSpace | undefined;
  stop(): Promise<void>;
}

const EVERY_MS = 5_000;
const ROUNDS_TO_WAIT = 6;
/** Room that must be free beyond a threshold before it counts as passed again, so that the guard doesn't flutter. */
const RECOVERY = 1.05;

/** Measures before it returns, so that a server on a full disk starts nothing at all. Throws what measuring throws. */
export async function startDiskGuard(options: DiskGuardOptions): Promise<DiskGuard> {
  const { logger, measure, reclaim, starts, thresholds } = options;
  let space: DiskSpace | undefined;
  let isHeld = false;
  let refuses = false;

  async function round(): Promise<void> {
    space = await measure();
    if (isBelow(space, thresholds.starts, isHeld)) {
      await reclaim().catch((error: unknown) =>
        logger.warn({ err: error }, 'what nobody uses could not be given up; trying again'),
      );
      space = await measure();
    }
    tell(space);
  }

  function tell(now: DiskSpace): void {
    const wasHeld = isHeld;
    isHeld = isBelow(now, thresholds.starts, wasHeld);
    refuses = isBelow(now, thresholds.creates, refuses);
    if (isHeld) starts.hold('disk', reason(now, thresholds.starts, refuses));
    else if (wasHeld) starts.lift('disk');
    if (isHeld === wasHeld) return;
    if (isHeld) logger.warn({ ...now, refuses }, 'the disk is nearly full: nothing new is started');
    else logger.info({ ...now }, 'the disk has room again: tasks are started');
  }

  await round();
  const rounds: Rounds = startRounds(options.everyMs ?? EVERY_MS, round, (error) =>
    logger.warn({ err: error }, 'free disk space could not be measured; trying again'),
  );
  return {
    refusal: () =>
      refuses
        ? new BulkheadError(
            'disk-full',
            `The disk of the data folder has ${space?.freeBytes ?? 0} bytes free, which is below limits.free_disk.creates: no new task is taken.`,
            // Room comes with tasks that end: it is looked for in each round, and seldom found in the next one.
            { retryAfterMs: ROUNDS_TO_WAIT * (options.everyMs ?? EVERY_MS) },
          )
        : undefined,
    space: () => space,
    stop: async () => await rounds.stop(),
  };
}

function isBelow(space: DiskSpace, threshold: DiskThreshold, wasBelow: boolean): boolean {
  return space.freeBytes < bytesOf(threshold, space) * (wasBelow ? RECOVERY : 1);
}

function bytesOf(threshold: DiskThreshold, { totalBytes }: DiskSpace): number {
  if (threshold === null) return 0;
  return typeof threshold === 'number' ? threshold : (totalBytes * threshold.percent) / 100;
}

function reason(space: DiskSpace, threshold: DiskThreshold, refuses: boolean): string {
  const limit = Math.ceil(bytesOf(threshold, space));
  const creates = refuses ? 'new tasks are refused' : 'new tasks wait in the queue';
  return `the disk of the data folder has ${space.freeBytes} bytes free, fewer than ${limit} (limits.free_disk.starts): ${creates}`;
}

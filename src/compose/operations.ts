import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { startDiskGuard } from '../engine/disk-guard.ts';
import { createOperation } from '../engine/operating.ts';
import type { Starts } from '../engine/operation.ts';
import type { Metrics, OperationOptions } from '../http/operation-options.ts';
import type { ImageProvider, ImageUsage } from '../images/images.ts';
import { createLeftovers } from './leftovers.ts';
import type { LeftoverSources } from './leftovers.ts';
import { openBackupShelf } from '../store/backup-shelf.ts';
import { createSqliteBackups } from '../store/sqlite/backup.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { MetricsOptions } from '../telemetry/metrics.ts';
import type { Recorder } from '../telemetry/recorder.ts';

export interface OperationParts extends Omit<LeftoverSources, 'starts'> {
  readonly config: Config;
  /** The data folder, resolved. */
  readonly data: string;
  readonly database: string;
  readonly store: Store;
  readonly engine: Starts;
  readonly images: ImageProvider & ImageUsage;
  readonly recorder: Recorder;
  readonly version: string;
  readonly logger: Logger;
  /** Resolves where the backend answers. */
  readonly backendAnswers: () => Promise<unknown>;
  /** Gives up what nobody uses. */
  readonly reclaim: () => Promise<void>;
}

/** The part of the server that operators use. Its disk guard has measured by the time this resolves. */
export async function openOperations(
  parts: OperationParts,
): Promise<{ readonly options: OperationOptions; stop(): Promise<void> }> {
  const { config, data, engine, logger, reclaim, store } = parts;
  const disk = async () => {
    const { bavail, blocks, bsize } = await statfs(data);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  };
  const guard = await startDiskGuard({
    starts: engine,
    thresholds: config.limits.free_disk,
    measure: disk,
    reclaim,
    logger,
  });
  const metrics = metricsOf(config.telemetry.metrics, {
    recorder: parts.recorder,
    store,
    version: parts.version,
    now: Date.now,
    running: () => engine.running(),
    isHeld: () => engine.holds().length > 0,
    disk,
    imageBytes: async () => await parts.images.usedBytes(),
  });
  return {
    options: {
      operators: config.auth.operators,
      operation: createOperation({ starts: engine, guard, logger }),
      readiness: [
        // No task has an empty id: this asks the store for nothing but an answer.
        { name: 'store', check: async () => await store.get('', { view: 'MINIMAL' }) },
        { name: 'backend', check: parts.backendAnswers },
      ],
      backups: await openBackupShelf({
        source: createSqliteBackups({ path: parts.database }),
        folder: join(data, 'backups'),
      }),
      leftovers: createLeftovers({ ...parts, starts: engine }),
      ...(metrics === undefined ? {} : { metrics }),
    },
    stop: async () => await guard.stop(),
  };
}

/** Their library is loaded when somebody asks for the first time. */
function metricsOf(access: Config['telemetry']['metrics'], options: MetricsOptions): Metrics | undefined {
  if (access === 'off') return undefined;
  let metrics: Promise<Metrics['text']> | undefined;
  return {
    access,
    text: async () => {
      metrics ??= import('../telemetry/metrics.ts').then(({ createMetrics }) => createMetrics(options));
      return await (
        await metrics
      )();
    },
  };
}

import type { Dependencies } from './dependencies.ts';

/** Removed in one transaction, so that no other write waits long. */
const BATCH = 500;

export interface Retention {
  /** Milliseconds from a task's end; null keeps tasks for ever. */
  readonly retentionMs: number | null;
  /** Removes what is left of the tasks beside their records, such as logs on disk. */
  readonly forget: (taskIds: readonly string[]) => Promise<void>;
}

/** Removes tasks that ended longer ago than the site keeps them; returns how many. */
export async function purgeEnded(
  { logger, now, store }: Pick<Dependencies, 'logger' | 'now' | 'store'>,
  { retentionMs, forget }: Retention,
): Promise<number> {
  if (retentionMs === null) return 0;
  let count = 0;
  for (;;) {
    const ids = await store.purge({ endedBefore: now() - retentionMs, limit: BATCH });
    if (ids.length > 0) await forget(ids);
    count += ids.length;
    if (ids.length < BATCH) break;
  }
  if (count > 0)
    logger.info({ count, retentionMs }, 'removed tasks that ended longer ago than they are kept');
  return count;
}

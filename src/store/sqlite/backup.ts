import { rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { BulkheadError } from '../../errors.ts';
import type { BackupProgress, BackupReport, BackupSource } from '../backup.ts';
import { fromFailure } from './failure.ts';
import type { Failure } from './messages.ts';

export interface BackupThreadData {
  readonly from: string;
  readonly to: string;
}

export type BackupMessage =
  | { readonly kind: 'progress'; readonly progress: BackupProgress }
  | { readonly kind: 'done'; readonly report: BackupReport }
  | { readonly kind: 'failed'; readonly failure: Failure };

// Beside this file as source, or as the compiler emitted it.
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './backup-thread.ts' : './backup-thread.js',
  import.meta.url,
);

/**
 * Backups of the database at a path, each on a thread and a connection of its own that lives no longer: copying on the
 * thread that writes or the one that reads would make every task wait for it.
 */
export function createSqliteBackups({ path }: { readonly path: string }): BackupSource {
  return {
    async backup(to, { progress, signal }) {
      if (signal.aborted) throw canceled();
      const worker = new Worker(THREAD, {
        workerData: { from: path, to } satisfies BackupThreadData,
        execArgv: ['--disable-warning=ExperimentalWarning'],
      });
      const stop = (): void => void worker.terminate();
      signal.addEventListener('abort', stop, { once: true });
      try {
        const report = await reported(worker, progress, signal);
        if (signal.aborted) throw canceled();
        return report;
      } catch (error) {
        await worker.terminate();
        for (const suffix of ['', '-journal', '-wal', '-shm']) await rm(to + suffix, { force: true });
        throw error;
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
  };
}

async function reported(
  worker: Worker,
  progress: (progress: BackupProgress) => void,
  signal: AbortSignal,
): Promise<BackupReport> {
  return await new Promise((resolve, reject) => {
    worker.on('message', (message: BackupMessage) => {
      if (message.kind === 'progress') progress(message.progress);
      else if (message.kind === 'done') resolve(message.report);
      else reject(fromFailure(message.failure));
    });
    worker.once('error', (cause) =>
      reject(new BulkheadError('store', `The backup failed: ${String(cause)}`, { cause })),
    );
    // After its last message, where it sent one.
    worker.once('exit', (code) =>
      reject(signal.aborted ? canceled() : new BulkheadError('store', `The backup ended with ${code}.`)),
    );
  });
}

function canceled(): BulkheadError {
  return new BulkheadError('canceled', 'the backup was given up');
}

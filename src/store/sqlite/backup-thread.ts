/** The thread that makes one backup: copies, checks, syncs, then ends. */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fsyncSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { backup } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { BackupReport } from '../backup.ts';
import type { BackupMessage, BackupThreadData } from './backup.ts';
import { openDatabase } from './database.ts';
import { toFailure } from './failure.ts';
import { verifyCopy } from './verify.ts';

/** 4 MiB of the usual pages: often enough to tell of progress, and not what the copy spends its time with. */
const PAGES_AT_ONCE = 1024;
const BUSY_TIMEOUT_MS = 10_000;

if (parentPort !== null) await answer(parentPort, workerData);

async function answer(port: MessagePort, { from, to }: BackupThreadData): Promise<void> {
  const tell = (message: BackupMessage): void => port.postMessage(message);
  try {
    tell({ kind: 'done', report: await make(from, to, tell) });
  } catch (error) {
    tell({ kind: 'failed', failure: toFailure(error, to) });
  }
  port.close();
}

async function make(from: string, to: string, tell: (message: BackupMessage) => void): Promise<BackupReport> {
  const source = openDatabase({ path: from, role: 'reader', busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    // One moment of the store for all steps of the copy: without a transaction of its own, each commit of the writer
    // would begin it anew. https://www.sqlite.org/c3ref/backup_finish.html
    source.exec('BEGIN');
    source.prepare('SELECT count(*) FROM sqlite_schema').get();
    closeSync(openSync(to, 'wx', 0o600));
    await backup(source, to, {
      rate: PAGES_AT_ONCE,
      progress: ({ totalPages, remainingPages }) =>
        tell({ kind: 'progress', progress: { totalPages, copiedPages: totalPages - remainingPages } }),
    });
  } finally {
    source.close();
  }
  const verified = verifyCopy(to);
  sync(to);
  sync(dirname(to));
  const hash = createHash('sha256');
  await pipeline(createReadStream(to), hash);
  return { bytes: statSync(to).size, sha256: hash.digest('hex'), ...verified };
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BulkheadError } from '../errors.ts';
import type { Backups, BackupSource } from './backup.ts';

const NAME = /^[0-9a-f]{32}$/;

/**
 * Keeps what `source` makes in a folder of its own until it was fetched: the caller of an API names no path on the
 * server, and gets a file that was whole and checked before its first byte was sent. Clears the folder first.
 */
export async function openBackupShelf(options: {
  readonly source: BackupSource;
  readonly folder: string;
}): Promise<Backups> {
  const { folder, source } = options;
  await rm(folder, { recursive: true, force: true });
  let isMaking = false;

  async function clear(): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) await rm(join(folder, name), { force: true });
  }

  return {
    async make(progress, signal) {
      if (isMaking)
        throw new BulkheadError('conflict', 'A backup is being made already: wait until it is done.');
      isMaking = true;
      try {
        // Of an earlier one that nobody fetched.
        await clear();
        const id = randomBytes(16).toString('hex');
        return { ...(await source.backup(join(folder, id), { progress, signal })), id };
      } finally {
        isMaking = false;
      }
    },
    async open(id) {
      if (!NAME.test(id) || isMaking) return undefined;
      const file = await open(join(folder, id), 'r').catch(() => undefined);
      if (file === undefined) return undefined;
      const { size: bytes } = await file.stat();
      return { bytes, stream: file.createReadStream() };
    },
    async remove(id) {
      if (NAME.test(id) && !isMaking) await rm(join(folder, id), { force: true });
    },
  };
}

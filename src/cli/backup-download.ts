import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BulkheadError } from '../errors.ts';

/**
 * Writes what comes to a new file, mode 0600, which has its name only once it is whole, as announced, and durable. Throws
 * `conflict` where the file is there already, `internal` where something else came.
 */
export async function saveBackup(
  body: AsyncIterable<Uint8Array>,
  target: string,
  announced: { readonly bytes: number; readonly sha256: string },
  progress: (bytes: number) => Promise<void>,
): Promise<void> {
  const draft = `${target}.part`;
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    await using file = await open(draft, 'w', 0o600);
    await file.chmod(0o600);
    for await (const chunk of body) {
      hash.update(chunk);
      bytes += chunk.length;
      await file.write(chunk);
      await progress(bytes);
    }
    await file.sync();
    if (bytes !== announced.bytes || hash.digest('hex') !== announced.sha256) {
      throw new BulkheadError(
        'internal',
        `The backup came as ${bytes} bytes of ${announced.bytes}, or changed on its way: try again.`,
      );
    }
    await rename(draft, target);
    await using folder = await open(dirname(target), 'r');
    await folder.sync();
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

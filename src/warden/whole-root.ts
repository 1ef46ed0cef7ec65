import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';

/**
 * What executors made in a root that they share as a whole, each at its outermost: entries of the writable layer that the
 * image doesn't have. What they changed of the image's own stays out. Nothing of the task may be alive. As bytes, since
 * a name may be any.
 */
export async function madeInRoot(layer: string, image: string): Promise<Buffer[]> {
  const made: Buffer[] = [];
  await walk(Buffer.from(layer), Buffer.from(image));
  return made;

  async function walk(above: Buffer, below: Buffer): Promise<void> {
    const entries: Dirent<Buffer>[] = await readdir(above, { withFileTypes: true, encoding: 'buffer' });
    for (const entry of entries) {
      const [path, original] = [above, below].map((folder) =>
        Buffer.concat([folder, Buffer.from('/'), entry.name]),
      );
      if (path === undefined || original === undefined) continue;
      const status = await lstat(original).catch(() => undefined);
      if (status === undefined) made.push(path);
      else if (entry.isDirectory() && status.isDirectory()) await walk(path, original);
    }
  }
}

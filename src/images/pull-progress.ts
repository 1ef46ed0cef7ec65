import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { hexOf } from './digest.ts';
import type { Manifest } from './manifest.ts';

const POLL_MS = 250;
const PROGRESS_MS = 1_000;
const MIB = 1024 * 1024;

/** Tells how far a pull is by looking at the folder that it fills, which works whatever skopeo prints. */
export function watchPull(
  manifest: Manifest,
  folder: string,
  progress: (message: string) => void,
  stallMs: number,
  onStall: () => void,
): { stop: () => void } {
  const total = manifest.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const names = new Set(manifest.layers.map(({ digest }) => hexOf(digest)));
  let [bytes, movedAt, toldAt, isLooking] = [-1, performance.now(), performance.now(), false];
  async function look(): Promise<void> {
    const now = performance.now();
    const files = await readdir(folder);
    const sizes = await Promise.all(
      files.map((file) =>
        stat(join(folder, file)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    const sum = sizes.reduce((left, right) => left + right, 0);
    if (sum !== bytes) [bytes, movedAt] = [sum, now];
    else if (now - movedAt > stallMs) onStall();
    if (now - toldAt < PROGRESS_MS) return;
    toldAt = now;
    const done = files.filter((file) => names.has(file)).length;
    const layer = Math.min(done + 1, names.size);
    progress(
      `layer ${layer} of ${names.size}, ${Math.floor(Math.min(bytes, total) / MIB)} of ${Math.ceil(total / MIB)} MiB`,
    );
  }
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    // A folder that can't be read shows in skopeo's own failure.
    void look()
      .catch(() => {})
      .finally(() => (isLooking = false));
  }, POLL_MS);
  return { stop: () => clearInterval(timer) };
}

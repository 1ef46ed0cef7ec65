import type { BigIntStats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What tells one state of some layouts from another. */
export interface LayoutState {
  /** The same as before: the same files, unchanged. */
  readonly id: string;
  /** False where a file changed so lately that another change might show the same times. */
  readonly isSettled: boolean;
}

/** Longer than the steps in which any file system that is in use counts time: FAT's two seconds. */
const SETTLED_MS = 2100;

/**
 * Of the `oci-layout` and `index.json` of each folder and of the folders in it; blobs are what their digests say. Whoever
 * writes a file changes its time of change, which nobody can set. Source: stat(2), "st_ctime"; inode(7).
 */
export async function layoutState(folders: readonly string[], now: number): Promise<LayoutState> {
  const files = (await Promise.all(folders.map(filesOf))).flat();
  const states = await Promise.all(files.map(stateOf));
  const newest = states.reduce((latest, { changedMs }) => Math.max(latest, changedMs), 0);
  return {
    id: files.map((path, at) => `${path}\0${states[at]?.id}`).join('\n'),
    isSettled: newest < now - SETTLED_MS,
  };
}

async function filesOf(folder: string): Promise<string[]> {
  const names: string[] = await readdir(folder).catch(() => []);
  const layouts = [folder, ...names.toSorted().map((name) => join(folder, name))];
  // Of a folder that has none, its own needn't be asked for: it would have been listed.
  return (names.includes('oci-layout') ? layouts : layouts.slice(1)).flatMap((layout) =>
    ['oci-layout', 'index.json'].map((name) => join(layout, name)),
  );
}

async function stateOf(path: string): Promise<{ id: string; changedMs: number }> {
  const found: BigIntStats | undefined = await stat(path, { bigint: true }).catch(() => undefined);
  if (!found) return { id: '', changedMs: 0 };
  const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = found;
  return { id: [dev, ino, size, mtimeNs, ctimeNs].join(':'), changedMs: Number(ctimeMs) };
}

import { chmodSync, chownSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BulkheadError } from '../errors.ts';
import type { Disks } from './disks.ts';
import type { RunFolders } from './run-folders.ts';
import { mkdir, type Step } from './steps.ts';

/** A file of the task stands in the root itself, so that the writable layer as a whole is shared by the executors. */
export function isWholeRoot(trees: readonly string[]): boolean {
  return trees[0] === '/';
}

/** The host folder in which the task's shared folders stand at their places in the container. */
export function workspaceFolder(
  disks: Disks,
  run: RunFolders,
  slot: number,
  trees: readonly string[],
): string {
  if (isWholeRoot(trees)) return wholeRoot(run, slot);
  const linked = linkedWorkspace(run, slot);
  // The mount, not a variable, says so: it outlives the server.
  return existsSync(linked) ? linked : join(disks.folder(slot), 'ws');
}

/** The workspace where some inputs appear without a copy. */
export function linkedWorkspace(run: RunFolders, slot: number): string {
  return join(run.roots, `ws-${slot}`);
}

export function wholeRoot(run: RunFolders, slot: number): string {
  return join(run.roots, `slot-${slot}`);
}

interface Folder {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

interface Owner {
  readonly rootId: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Makes the workspace on a disk on which nothing of the task is alive; a folder that is there stays as it is. Throws
 * `disk-full` or `warden`.
 */
export function makeFolders(
  workspace: string,
  { trees, rootFiles = [] }: { readonly trees: readonly string[]; readonly rootFiles?: readonly string[] },
  owner: Owner,
): void {
  // No container sees it; where files stand in it, whoever stores an executor's output as its user makes them.
  const root = { path: workspace, mode: rootFiles.length > 0 ? 0o777 : 0o755, uid: 0, gid: 0 };
  // At once and by this process: a few system calls cost less than a request to the hand, which is a process.
  for (const folder of [root, ...trees.flatMap((tree) => treeFolders(workspace, tree, owner))]) {
    try {
      makeFolder(folder);
    } catch (error) {
      const isFull = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
      throw new BulkheadError(
        isFull ? 'disk-full' : 'warden',
        `the shared folder ${folder.path} can't be made: ${String(error)}`,
        { cause: error },
      );
    }
  }
}

function makeFolder({ path, mode, uid, gid }: Folder): void {
  if (existsSync(path)) return;
  mkdirSync(path);
  chmodSync(path, mode);
  chownSync(path, uid, gid);
}

export function treeSteps(workspace: string, tree: string, owner: Owner): Step[] {
  return treeFolders(workspace, tree, owner).map(({ path, mode, uid, gid }) => mkdir(path, mode, uid, gid));
}

/** Each folder on the way to a tree belongs to the container's root, the tree itself to who runs. Temporary folders stay open to all. */
function treeFolders(workspace: string, tree: string, owner: Owner): Folder[] {
  const parts = tree.split('/').filter((part) => part !== '');
  return parts.map((_, at) => {
    const path = join(workspace, ...parts.slice(0, at + 1));
    if (at + 1 < parts.length) return { path, mode: 0o755, uid: owner.rootId, gid: owner.rootId };
    const isTemporary = tree === '/tmp' || tree === '/var/tmp';
    return { path, mode: isTemporary ? 0o1777 : 0o755, uid: owner.uid, gid: owner.gid };
  });
}

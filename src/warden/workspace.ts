import { existsSync } from 'node:fs';
import { join } from 'node:path';
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

/** Each folder on the way to a tree belongs to the container's root, the tree itself to who runs. Temporary folders stay open to all. */
export function treeSteps(
  workspace: string,
  tree: string,
  owner: { rootId: number; uid: number; gid: number },
): Step[] {
  const parts = tree.split('/').filter((part) => part !== '');
  return parts.map((_, at) => {
    const path = join(workspace, ...parts.slice(0, at + 1));
    if (at + 1 < parts.length) return mkdir(path, 0o755, owner.rootId, owner.rootId);
    const isTemporary = tree === '/tmp' || tree === '/var/tmp';
    return mkdir(path, isTemporary ? 0o1777 : 0o755, owner.uid, owner.gid);
  });
}

import { BulkheadError } from '../../../errors.ts';
import type { Volume, VolumeMount } from './objects.ts';
import type { TaskSpec } from './task-spec.ts';

/** Where the parent of executors is found inside; the folder is not part of any image. */
export const PARENT_FOLDER = '/.bulkhead';

const PARENT_VOLUME = 'parent';

/** A volume for each shared folder, and one for the parent. All end with the Pod; none is the host's, and none a claim. */
export function treeVolumes({ trees, sandbox }: TaskSpec): Volume[] {
  return [
    { name: PARENT_VOLUME, emptyDir: { medium: 'Memory', sizeLimit: PARENT_BYTES } },
    ...trees.map((_, index) => ({
      name: treeName(index),
      emptyDir: { sizeLimit: String(sandbox.limits.diskBytes) },
    })),
  ];
}

/**
 * Whole, never by `subPath`, whose folder an executor can replace by a symbolic link. Throws `invalid` for a place that no
 * Pod can have a volume at.
 */
export function treeMounts({ trees }: TaskSpec): VolumeMount[] {
  return trees.map((mountPath, index) => {
    const problem = problemOf(mountPath);
    if (problem !== undefined) throw new BulkheadError('invalid', `${mountPath}: ${problem}`);
    return { name: treeName(index), mountPath, readOnly: false };
  });
}

export function parentMount(readOnly: boolean): VolumeMount {
  return { name: PARENT_VOLUME, mountPath: PARENT_FOLDER, readOnly };
}

const PARENT_BYTES = '16777216';

/** Kubernetes itself refuses the colon alone. */
function problemOf(path: string): string | undefined {
  if (path === '/') return 'on a cluster, no file of a task can stand in the root itself; choose a folder';
  if (!path.startsWith('/')) return 'is no absolute path';
  if (path.includes(':')) return 'a folder of a Pod has no ":" in its path';
  if (path.split('/').some((part) => part === '..')) return 'has ".." in it';
  if (path === PARENT_FOLDER || path.startsWith(`${PARENT_FOLDER}/`)) return 'belongs to the sandbox';
  return undefined;
}

function treeName(index: number): string {
  return `tree-${index}`;
}

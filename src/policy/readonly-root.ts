import type { FieldFault } from '../errors.ts';
import { executorSandbox } from '../sandbox/executor.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { madeInRoot } from '../tes/places.ts';
import type { TesTaskDocument } from '../tes/task.ts';

/** Executors share their folders: where the root of one is read only, nothing can be made in the root itself. */
export function readonlyRootFaults(document: TesTaskDocument, sandbox: Sandbox): FieldFault[] {
  const isReadonly = document.executors.some(
    (_, index) => executorSandbox(sandbox, index).rootfs === 'readonly',
  );
  if (!isReadonly) return [];
  return madeInRoot(document).map((field) => ({
    field,
    problem:
      'the root folder itself is read only in this sandbox (rootfs: readonly), so that no file can be made in it; choose a path in a folder, such as /data/out',
  }));
}

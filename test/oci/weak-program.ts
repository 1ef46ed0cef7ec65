import { chmod, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { TemporaryFolder } from '../fixtures/provider.ts';
import { RUNTIME_PATH } from '../fixtures/runtime.ts';

const PROGRAM = fileURLToPath(new URL('weak-runtime.ts', import.meta.url));

/** Writes a runtime into the folder that forgets what the file `weakness` beside it names; answers its path. */
export async function writeWeakRuntime(folder: TemporaryFolder): Promise<string> {
  const path = folder.at('weak-runtime');
  await writeFile(folder.at('weakness'), '');
  await writeFile(
    path,
    `#!/bin/sh\nexec ${process.execPath} ${PROGRAM} ${folder.at('weakness')} ${RUNTIME_PATH} "$@"\n`,
  );
  await chmod(path, 0o755);
  return path;
}

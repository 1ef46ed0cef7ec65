/** What the contract of backends runs: every program is in busybox, and needs nothing but an image that has it. */
import { randomUUID } from 'node:crypto';
import type { Attempt, Backend, Handle } from '../../src/backends/backend.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import type { TesTaskDocument } from '../../src/tes/task.ts';

export interface BackendUnderTest {
  readonly backend: Backend;
  /** A second instance on the same state, as the next process would make it; the first is used no more. */
  readonly reopen: () => Promise<Backend>;
  /** A reference to an image with busybox's programs in its path. */
  readonly image: string;
  /** A folder of this host below which tasks may read and write by `file://`, or why there is none. */
  readonly files: { readonly root: string } | { readonly skip: string };
  readonly close: () => Promise<void>;
}

export const PROGRAMS = {
  succeed: ['true'],
  failWith3: ['sh', '-c', 'exit 3'],
  notFound: ['no-such-program'],
  notExecutable: ['/etc/passwd'],
  killItself: ['sh', '-c', 'kill -9 $$'],
  terminateItself: ['sh', '-c', 'kill -15 $$'],
  runOn: ['sleep', '600'],
  speak: ['sh', '-c', 'printf abcdef; printf ghi >&2'],
  speakAndRunOn: ['sh', '-c', 'echo early; exec sleep 600'],
  leaveBehind: ['sh', '-c', 'sleep 600 & exit 4'],
  writeShared: ['sh', '-c', 'echo shared > /shared/file'],
  readShared: ['cat', '/shared/file'],
} as const satisfies Record<string, readonly string[]>;

export const SANDBOX: Sandbox = {
  profile: 'standard',
  isolation: 'userns',
  privilege: 'root-capless',
  network: 'none',
  rootfs: 'ephemeral',
  compat: [],
  limits: {
    cpuCores: 1,
    memoryBytes: 64 * 2 ** 20,
    diskBytes: 64 * 2 ** 20,
    diskInodes: 16_384,
    pids: 64,
    openFiles: 1024,
    logBytes: 2 ** 20,
    wallTimeMs: null,
    queueTimeMs: null,
  },
};

/** An attempt of its own whose executors run the given programs. */
export function attemptOf(
  image: string,
  programs: readonly (readonly string[])[],
  rest: Partial<TesTaskDocument> = {},
): Attempt {
  const executors = programs.map((command) => ({ image, command: [...command] }));
  return {
    taskId: randomUUID(),
    number: 1,
    owner: 'ann',
    document: { ...rest, executors },
    sandbox: SANDBOX,
  };
}

export async function prepared(backend: Backend, attempt: Attempt): Promise<Handle> {
  const signal = new AbortController().signal;
  const handle = await backend.prepare(attempt, () => undefined, signal);
  await backend.stageIn(handle, attempt, signal);
  return handle;
}

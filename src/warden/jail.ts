import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { BulkheadError } from '../errors.ts';

/** What a program of ours may see of this host and be; nothing else exists for it. */
export interface Jail {
  /** An empty folder on which the new root is built, in a mount namespace of the program's own. */
  readonly root: string;
  readonly uid: number;
  readonly gid: number;
  /** Numbers of linux/capability.h that it keeps; none where it isn't root. */
  readonly capabilities: readonly number[];
  readonly places: readonly JailPlace[];
  /** `none`: not even a loopback that leads anywhere. */
  readonly network: 'host' | 'none';
  readonly cwd: string;
}

/**
 * `ro`, `rw`: a folder or file at its own path, without set-user-id and devices. `dev`: a device. `lent`: read-only, and
 * readable as for its owner, where the file system can be id-mapped. `strange`: read-only and made by somebody who isn't
 * trusted, so reached through no symbolic link. `tmp`: an empty folder in memory, open to all. `proc`: of the program's own
 * processes alone. One that isn't there is passed over, but for `strange`.
 */
export interface JailPlace {
  readonly how: 'ro' | 'rw' | 'dev' | 'lent' | 'strange' | 'tmp' | 'proc';
  readonly path: string;
}

/** What programs of a distribution need to run at all. */
export const SYSTEM_PLACES: readonly JailPlace[] = [
  ...['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'].map((path): JailPlace => ({
    how: 'ro',
    path,
  })),
  ...['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'].map((path): JailPlace => ({
    how: 'dev',
    path,
  })),
];

/**
 * Starts a program in a jail: the listed places only, no process of the host to signal, no terminal, no privilege to
 * gain; all that it started ends with it, and it with this process. What kept it from starting is on its stderr, with exit code 255, 126 or 127.
 */
export function spawnJailed(
  jail: Jail,
  command: readonly string[],
  options: { readonly env: NodeJS.ProcessEnv; readonly stdio: StdioOptions; readonly signal?: AbortSignal },
): ChildProcess {
  const program = fileURLToPath(new URL('./jail.pl', import.meta.url));
  if (jail.places.some(({ path }) => path === '/'))
    throw new BulkheadError('internal', 'a program in a jail must not see the whole host');
  const mask = jail.capabilities.reduce((sum, number) => sum | (1n << BigInt(number)), 0n);
  const { signal } = options;
  return spawn(
    '/usr/bin/perl',
    [
      program,
      ...[jail.root, jail.uid, jail.gid, mask, process.pid, jail.network, jail.cwd].map(String),
      ...jail.places.flatMap(({ how, path }) => [how, path]),
      '--',
      ...command,
    ],
    {
      env: options.env,
      stdio: options.stdio,
      ...(signal === undefined ? {} : { signal, killSignal: 'SIGKILL' }),
    },
  );
}

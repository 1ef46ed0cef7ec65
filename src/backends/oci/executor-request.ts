import type { SealedExecutor, SeedFile } from '../../warden/warden.ts';
import { BulkheadError } from '../../errors.ts';
import { executorSandbox } from '../../sandbox/executor.ts';
import type { Attempt } from '../backend.ts';
import { SPARE_HOME, environment, hostsFile, workdir } from './environment.ts';
import type { OciHandle } from './handle.ts';
import { contains } from './trees.ts';

/** What the warden creates for one executor. Pure. */
export function executorRequest(handle: OciHandle, attempt: Attempt, index: number): SealedExecutor {
  const executor = attempt.document.executors[index];
  const prepared = handle.executors[index];
  if (!executor || !prepared) throw new BulkheadError('internal', `the task has no executor ${index}`);
  const { user, home, image } = prepared;
  const sandbox = executorSandbox(attempt.sandbox, index);
  const cwd = workdir(executor, image.config.workdir);
  const hostname = attempt.taskId.slice(0, 32);
  const isShared = (path: string): boolean =>
    handle.trees[0] !== '/' && handle.trees.some((tree) => contains(tree, path));
  const folders = [
    { path: '/etc', mode: 0o755 },
    { path: '/tmp', mode: 0o1777 },
    { path: cwd, mode: 0o755 },
    ...(home === SPARE_HOME ? [{ path: SPARE_HOME, mode: 0o777 }] : []),
  ].filter(({ path }) => path !== '/' && !isShared(path));
  return {
    imageDigest: image.digest,
    merged: prepared.merged,
    spec: {
      sandbox,
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      command: executor.command,
      env: environment(image.config.env, executor, home),
      cwd,
      hostname,
    },
    folders,
    files: seedFiles(hostname, prepared.user, home).filter(({ path }) => !isShared(path)),
    logBytes: sandbox.limits.logBytes,
    stdin: executor.stdin ?? '',
    stdout: executor.stdout ?? '',
    stderr: executor.stderr ?? '',
  };
}

/** Names resolve on the loopback only, nothing waits for a resolver, and whoever runs has a name. */
function seedFiles(hostname: string, user: OciHandle['executors'][number]['user'], home: string): SeedFile[] {
  return [
    { path: '/etc/hosts', content: hostsFile(hostname) },
    { path: '/etc/hostname', content: `${hostname}\n` },
    { path: '/etc/resolv.conf', content: '' },
    ...(user.hasName
      ? []
      : [
          {
            path: '/etc/passwd',
            content: `\ntask:x:${user.uid}:${user.gid}::${home}:/bin/sh\n`,
            append: true,
          },
        ]),
  ];
}

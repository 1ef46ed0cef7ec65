import { existsSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BulkheadError } from '../../errors.ts';
import { isHybrid } from '../cgroups.ts';
import type { Hand } from '../hand.ts';
import * as step from '../steps.ts';
import { type FirstProcess, firstProcess, isAlive, processState } from './first-process.ts';
import type { Runtime } from './runtime.ts';

/** What crun keeps of a container. */
const FILES = ['exec.fifo', 'seccomp.bpf', 'config.json', 'status'] as const;

/**
 * At crun's own gate the filter of system calls isn't installed yet, nor is anything that can be read the last word: so a
 * first process is let through it and stopped again where the kernel has executed the image's init and that has not run one
 * instruction (docs/adr/0015). Stopped, it needs nobody to hold it, and nobody inside could stop or continue it.
 * Source: crun, src/libcrun/container.c, "exec fifo"; pid_namespaces(7), "The namespace init process".
 */
export function createCrun(options: {
  readonly path: string;
  readonly version: string;
  /** Where it keeps what it knows, a folder for each container. */
  readonly root: string;
  readonly hand: Hand;
}): Runtime {
  const { path, version, root, hand } = options;
  const fifo = (container: string): string => join(root, container, 'exec.fifo');
  const processOf = (container: string): FirstProcess | undefined =>
    firstProcess(join(root, container, 'status'), { pid: 'pid', start: 'process-start-time' });

  return {
    version,
    command: crunCommand(path, root),
    waitsInInit: true,
    async settle(container) {
      const first = processOf(container);
      if (first === undefined)
        throw new BulkheadError('warden', `${version} says nothing of the container ${container}`);
      await hand.run(`holding ${container} at its first instruction`, [
        step.hold(first.pid, first.start, fifo(container)),
      ]);
    },
    /** The FIFO stays until it was let go, and tells one that somebody else stopped from one that never ran. */
    waitsAtGate(container) {
      const first = processOf(container);
      return existsSync(fifo(container)) && first !== undefined && processState(first) === 'T';
    },
    async start(container) {
      const first = processOf(container);
      if (!existsSync(fifo(container)) || first === undefined)
        throw new BulkheadError('warden', `the container ${container} awaits no start`);
      if (processState(first) !== 'T' || !continued(first.pid))
        throw new BulkheadError('warden', `the first process of the container ${container} is gone`);
      await unlink(fifo(container));
    },
    lives(container) {
      const first = processOf(container);
      return first !== undefined && isAlive(first);
    },
    forgetting: (container) => [
      ...FILES.map((name) => step.unlink(join(root, container, name))),
      step.rmdir(join(root, container)),
    ],
  };
}

const WITHOUT_UNIFIED = fileURLToPath(new URL('./without-unified.pl', import.meta.url));

/** It refuses hosts on which both hierarchies have controllers, where it sees that; see without-unified.pl. */
export function crunCommand(path: string, root: string): Runtime['command'] {
  const own: Runtime['command'] = [path, '--root', root];
  return isHybrid() ? ['/usr/bin/perl', WITHOUT_UNIFIED, ...own] : own;
}

function continued(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGCONT');
  } catch {
    return false;
  }
}

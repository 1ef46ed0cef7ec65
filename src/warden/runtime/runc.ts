import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as step from '../steps.ts';
import { unblock } from './exec-fifo.ts';
import { type FirstProcess, firstProcess, isAlive } from './first-process.ts';
import type { Runtime } from './runtime.ts';

/** The first process waits at the gate already; only a host that swaps takes longer than a moment. */
const START_TIMEOUT_MS = 10_000;

/**
 * At its gate, a first process is runc's own `init`, on which everything is in force but the last step, to execute the
 * image's init. Source: runc, libcontainer/standard_init_linux.go.
 */
export function createRunc(options: {
  readonly path: string;
  readonly version: string;
  /** Where it keeps what it knows, a folder for each container. */
  readonly root: string;
}): Runtime {
  const { path, version, root } = options;
  const fifo = (container: string): string => join(root, container, 'exec.fifo');
  const stateFile = (container: string): string => join(root, container, 'state.json');
  const processOf = (container: string): FirstProcess | undefined =>
    firstProcess(stateFile(container), { pid: 'init_process_pid', start: 'init_process_start' });

  return {
    version,
    command: [path, '--root', root],
    waitsInInit: false,
    settle: async () => {},
    /**
     * The FIFO alone doesn't tell: whoever let the process go may have been killed before it removed it. The process does:
     * until it may go on it is runc's `init`. One that is dead may have run before that, so it isn't taken for one that
     * has not. Source: runc, libcontainer/container.go, "BaseState".
     */
    waitsAtGate(container) {
      if (!existsSync(fifo(container))) return false;
      const first = processOf(container);
      return first !== undefined && isAlive(first) && wordsOf(first)[1] === 'init';
    },
    /** What runc's `start` does, without a process of its own for it: 8 ms of 60 for a short task. */
    start: async (container) => await unblock(fifo(container), START_TIMEOUT_MS),
    lives(container) {
      const first = processOf(container);
      return first !== undefined && isAlive(first);
    },
    forgetting: (container) => [step.unlink(stateFile(container)), step.rmdir(join(root, container))],
  };
}

function wordsOf({ pid }: FirstProcess): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

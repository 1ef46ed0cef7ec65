import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attempt, Backend, ExecutorExit, StageOutResult } from '../../src/backends/backend.ts';
import type { RuntimeSpec } from '../../src/backends/oci/compile.ts';
import { ociHandle, type OciHandle } from '../../src/backends/oci/handle.ts';
import type { Limits, Sandbox } from '../../src/sandbox/sandbox.ts';
import type { TesExecutor, TesTaskDocument } from '../../src/tes/task.ts';
import { attemptOf, prepared, SANDBOX } from '../contract/backend-samples.ts';
import type { Instance } from './instance.ts';

export interface Job extends Partial<Omit<TesTaskDocument, 'executors'>> {
  readonly image: string;
  readonly command: readonly string[];
  readonly stdin?: string;
  readonly sandbox?: Partial<Sandbox>;
  readonly limits?: Partial<Limits>;
}

export interface Finished extends ExecutorExit, StageOutResult {
  /** As the runtime got it. */
  readonly spec: RuntimeSpec;
  readonly handle: OciHandle;
}

/** One executor on the real backend, from its inputs to its outputs; `during` while it runs. */
export async function runJob(
  instance: Instance,
  job: Job,
  during?: (running: Running) => Promise<void>,
): Promise<Finished> {
  const { backend } = instance;
  const attempt = attemptFor(job);
  const handle = ociHandle(await prepared(backend, attempt));
  try {
    await backend.start(handle, attempt, 0);
    const folder = join(instance.folder, 'logs', handle.id, '0');
    if (during) await during({ backend, attempt, handle, pid: await firstProcess(folder) });
    const exit = await backend.wait(handle, attempt, 0);
    const staged =
      job.outputs === undefined
        ? NOTHING_STAGED
        : await backend.stageOut(handle, attempt, new AbortController().signal);
    const spec: RuntimeSpec = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    return { ...exit, ...staged, spec, handle };
  } finally {
    await backend.kill(handle, 'system-error');
    await backend.release(handle);
  }
}

const NOTHING_STAGED: StageOutResult = { outputs: [], messages: [], failures: [] };

/** Executors of one task, one after the other, each to its end. */
export async function runExecutors(
  { backend }: Instance,
  executors: readonly TesExecutor[],
  rest: Partial<TesTaskDocument>,
): Promise<ExecutorExit[]> {
  const attempt = { ...attemptOf('', []), document: { ...rest, executors: [...executors] } };
  const handle = await prepared(backend, attempt);
  const exits: ExecutorExit[] = [];
  try {
    for (const index of executors.keys()) {
      await backend.start(handle, attempt, index);
      exits.push(await backend.wait(handle, attempt, index));
    }
    return exits;
  } finally {
    await backend.kill(handle, 'system-error');
    await backend.release(handle);
  }
}

export interface Running {
  readonly backend: Backend;
  readonly attempt: Attempt;
  readonly handle: OciHandle;
  /** The container's first process, by the pid of this host. */
  readonly pid: number;
}

/** Of a process and all below it, by the pids of this host. */
export async function processTree(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const below = await Promise.all(
    children
      .split(' ')
      .filter((child) => child !== '')
      .map((child) => processTree(Number(child))),
  );
  return [pid, ...below.flat()];
}

function attemptFor(job: Job): Attempt {
  const { image, command, stdin, sandbox, limits, ...rest } = job;
  const attempt = attemptOf(image, [command], rest);
  const [executor] = attempt.document.executors;
  if (executor === undefined) throw new Error('no executor');
  return {
    ...attempt,
    document: {
      ...attempt.document,
      executors: [{ ...executor, ...(stdin === undefined ? {} : { stdin }) }],
    },
    sandbox: { ...SANDBOX, ...sandbox, limits: { ...SANDBOX.limits, ...limits } },
  };
}

async function firstProcess(folder: string): Promise<number> {
  return Number(await readFile(join(folder, 'pid'), 'utf8'));
}

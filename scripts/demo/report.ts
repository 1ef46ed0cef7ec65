import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { TesTask, TesTaskLog } from '../../src/tes/task.ts';
import { duration } from './progress.ts';

/** The time of each phase of a task that has ended, in the order in which they happened. */
export function phases(task: TesTask, steps: readonly string[]): string[] {
  const log = lastAttempt(task);
  const moments: { name: string; from: string | undefined; to: string | undefined }[] = [
    { name: 'wait in the queue', from: task.creation_time, to: log.start_time },
    { name: 'prepare image and disk, stage in', from: log.start_time, to: log.logs[0]?.start_time },
    ...log.logs.map((executor, index) => ({
      name: `${steps[index] ?? 'executor'} (${task.executors[index]?.command.slice(0, 2).join(' ')})`,
      from: executor.start_time,
      to: executor.end_time,
    })),
    { name: 'stage out', from: log.logs.at(-1)?.end_time, to: log.end_time },
    { name: 'all of it', from: task.creation_time, to: log.end_time },
  ];
  return moments.map(
    ({ name, from, to }) => `${duration(Date.parse(to ?? '') - Date.parse(from ?? '')).padStart(8)}  ${name}`,
  );
}

/** Each output with its size as the task reports it; throws where the file is missing or has another. */
export async function outputs(task: TesTask): Promise<string[]> {
  const lines = lastAttempt(task).outputs.map(async ({ url, size_bytes }) => {
    const file = fileURLToPath(url);
    const { size } = await stat(file);
    if (String(size) !== size_bytes)
      throw new Error(`${file} has ${size} bytes; the task says ${size_bytes}`);
    return `${size.toLocaleString('en').padStart(11)} bytes  ${file}`;
  });
  return Promise.all(lines);
}

/** The part of `GET /bulkhead/v1/tasks/{id}/sandbox` that is shown. */
export interface SandboxReport {
  readonly sandbox: Readonly<Record<string, Told>>;
  readonly attempts: readonly {
    readonly executors: readonly { readonly index: number; readonly evidence: EvidenceReport | null }[];
  }[];
}

type Told = string | number | null | readonly string[] | { readonly [name: string]: Told };

interface EvidenceReport {
  readonly grade: string;
  readonly runtime: string;
  readonly image_digest: string;
  readonly observed: Readonly<Record<string, string>>;
  readonly unenforced: readonly string[];
}

/** The sandbox, what was read back from the running containers, and what could not be enforced. */
export function sandboxLines(report: SandboxReport, metadata: Readonly<Record<string, string>>): string[] {
  const evidences = report.attempts.at(-1)?.executors.map(({ evidence }) => evidence) ?? [];
  const [first] = evidences;
  if (first === undefined || evidences.some((each) => each === null) || first === null) {
    throw new Error('an executor ran without evidence of its sandbox');
  }
  return [
    ...fields(report.sandbox),
    '',
    field('grade', `${metadata['sandbox_grade']} (the weakest of ${evidences.length} executors)`),
    field('runtime', first.runtime),
    field('image', first.image_digest),
    ...fields(first.observed),
    field('not enforced', first.unenforced.join(', ') || 'nothing'),
  ];
}

function fields(record: Readonly<Record<string, Told>>): string[] {
  return Object.entries(record).flatMap(([name, value]) => {
    if (value === null) return [field(name, 'no limit')];
    if (typeof value !== 'object') return [field(name, String(value))];
    return isList(value) ? [field(name, value.join(', ') || 'none')] : fields(value);
  });
}

function isList(value: Told): value is readonly string[] {
  return Array.isArray(value);
}

export function lastAttempt(task: TesTask): TesTaskLog {
  const log = task.logs?.at(-1);
  if (log === undefined) throw new Error(`task ${task.id} has no attempt`);
  return log;
}

function field(name: string, value: string): string {
  return `${name.padEnd(28)} ${value}`;
}

import type { Static } from '../tes/schema.ts';
import type { AttemptRecord, ExecutorRecord, TaskRecord } from '../store/store.ts';
import { hasWildcard } from '../tes/wildcard.ts';
import type { tesTask, tesTaskLog } from '../tes/task-schema.ts';
import type { TesFileType, TesInput, TesOutput, TesTaskDocument, TesView } from '../tes/task.ts';

type TaskAnswer = Static<typeof tesTask>;
type LogAnswer = Static<typeof tesTaskLog>;
type ExecutorAnswer = LogAnswer['logs'][number];

/**
 * A stored task as TES answers it: MINIMAL is id and state only; BASIC is all but `content`, stdout, stderr and
 * system logs. Leaves out what the view leaves out, whether or not the store did.
 */
export function taskView(task: TaskRecord, view: TesView): TaskAnswer {
  if (view === 'MINIMAL') return { id: task.id, state: task.state };
  return {
    id: task.id,
    state: task.state,
    ...documentView(task.document, view),
    creation_time: timestamp(task.createdAt),
    logs: task.attempts.map((attempt) => attemptView(attempt, view)),
  };
}

function documentView(document: TesTaskDocument, view: TesView): TesTaskDocument {
  const { inputs, outputs } = document;
  return {
    ...document,
    ...(inputs && { inputs: inputs.map((input) => inputView(input, view)) }),
    ...(outputs && {
      outputs: outputs.map((output) => ({ ...output, type: output.type ?? outputType(output) })),
    }),
  };
}

function inputView(input: TesInput, view: TesView): TesInput {
  const { content, ...rest } = { ...input, type: input.type ?? impliedType(input.url) };
  return view === 'FULL' && content !== undefined ? { ...rest, content } : rest;
}

/** With wildcards the URL is always a directory, whatever each match is. */
function outputType({ url, path, path_prefix: prefix }: TesOutput): TesFileType {
  return hasWildcard(path, prefix) ? 'FILE' : impliedType(url);
}

/** The specification wants the type answered, which a client need not send. */
function impliedType(url: string | undefined): TesFileType {
  return url?.endsWith('/') === true ? 'DIRECTORY' : 'FILE';
}

function attemptView(attempt: AttemptRecord, view: TesView): LogAnswer {
  return {
    logs: attempt.executors.flatMap((executor) => executorView(executor, view)),
    metadata: { ...attempt.metadata },
    start_time: timestamp(attempt.startedAt),
    ...(attempt.endedAt !== undefined && { end_time: timestamp(attempt.endedAt) }),
    outputs: attempt.outputs.map(({ url, path, sizeBytes }) => ({
      url,
      path,
      size_bytes: String(sizeBytes),
    })),
    ...(view === 'FULL' && { system_logs: [...attempt.systemLogs] }),
  };
}

/** An executor that has not ended has no exit code, and TES has no log without one. */
function executorView(executor: ExecutorRecord, view: TesView): ExecutorAnswer[] {
  if (executor.exitCode === undefined) return [];
  return [
    {
      start_time: timestamp(executor.startedAt),
      ...(executor.endedAt !== undefined && { end_time: timestamp(executor.endedAt) }),
      ...(view === 'FULL' && executor.stdout !== undefined && { stdout: executor.stdout }),
      ...(view === 'FULL' && executor.stderr !== undefined && { stderr: executor.stderr }),
      exit_code: executor.exitCode,
    },
  ];
}

/** RFC 3339, in UTC. */
function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

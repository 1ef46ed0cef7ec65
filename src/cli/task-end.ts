import type { TesTask } from '../tes/task.ts';
import { EXIT } from './exit-codes.ts';
import { knownState } from './follow.ts';

/** The exit code that a `run` of this task ends with. */
export function exitCodeOfTask(task: TesTask): number {
  const state = knownState(task.state);
  if (state === 'COMPLETE') return EXIT.done;
  if (state === 'EXECUTOR_ERROR') return lastExitCode(task) ?? EXIT.negative;
  if (state === 'CANCELED' || state === 'CANCELING') return EXIT.interrupted;
  return EXIT.runFailed;
}

/** Of the executor that ended the task; undefined where it was none of them, or it ended with 0. */
function lastExitCode(task: TesTask): number | undefined {
  const exitCode = task.logs?.at(-1)?.logs.at(-1)?.exit_code;
  return exitCode === 0 ? undefined : exitCode;
}

/** Why a task ended as it did, in the server's words: the last system logs of its last attempt. */
export function reasonsOf(task: TesTask): readonly string[] {
  return (task.logs?.at(-1)?.system_logs ?? []).slice(-10);
}

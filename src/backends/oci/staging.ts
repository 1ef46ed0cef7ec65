import type { LinkedInput } from '../../warden/warden.ts';
import type { Attempt, StageOutResult } from '../backend.ts';

/** Moves a task's files between storage and its workspace. */
export interface Staging {
  /** The inputs that could appear without a copy. */
  links(attempt: Attempt, signal: AbortSignal): Promise<readonly LinkedInput[]>;
  /** `linked`: paths of inputs that are in place already. */
  stageIn(attempt: Attempt, tree: TaskTree, linked: ReadonlySet<string>, signal: AbortSignal): Promise<void>;
  stageOut(attempt: Attempt, tree: TaskTree, signal: AbortSignal): Promise<StageOutResult>;
}

export interface TaskTree {
  /** The host folder in which the task's files stand at their places in the container. */
  readonly root: string;
  /** Host ids of who runs. */
  readonly uid: number;
  readonly gid: number;
}

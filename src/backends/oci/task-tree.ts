export interface TaskTree {
  /** The host folder in which the task's files stand at their places in the container. */
  readonly root: string;
  /** Host ids of who runs. */
  readonly uid: number;
  readonly gid: number;
}

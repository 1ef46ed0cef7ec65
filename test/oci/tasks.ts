import type { TesExecutor, TesTask } from '../../src/tes/task.ts';

export function sh(command: readonly string[]): TesExecutor {
  return { image: 'busybox:latest', command: [...command] };
}

/** In the image that has perl. */
export function box(command: readonly string[]): TesExecutor {
  return { image: 'box:latest', command: [...command] };
}

export function exits(task: TesTask): number[] {
  return (task.logs?.[0]?.logs ?? []).map(({ exit_code }) => exit_code);
}

/** Its system logs. */
export function told(task: TesTask): string {
  return task.logs?.[0]?.system_logs?.join('\n') ?? '';
}

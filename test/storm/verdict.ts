import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { TesTask } from '../../src/tes/task.ts';
import type { Victim } from './plan.ts';
import type { StormTask } from './tasks.ts';

/** How a task ended, and what is wrong with that. */
export interface Verdict {
  readonly outcome: string;
  readonly problems: readonly string[];
}

/** How a task may end instead, by what of it was killed; by what its system logs then say. */
const EXCUSES: Readonly<Partial<Record<Victim, RegExp>>> = {
  conmon: /exit code is lost|output is lost|container|conmon/,
  drain: /output is lost|exit code is lost|container/,
  runtime: /container/,
  init: /container|is gone/,
  skopeo: /registry|skopeo|pull|image/i,
  umoci: /umoci/,
  tree: /files can't be reached|not delivered/,
};

export async function judge(
  { expected, isCanceled, victimOf }: StormTask,
  task: TesTask,
  starts: ReadonlyMap<string, number>,
): Promise<Verdict> {
  const problems = [...wrongStarts(task, starts)];
  const found = await differences(task, expected);
  const last = task.logs?.at(-1);
  if (found.length === 0) return { outcome: 'as expected', problems };
  if (isCanceled && task.state === 'CANCELED') return { outcome: 'CANCELED', problems };
  const logs = (last?.system_logs ?? []).join('\n');
  const victims = victimOf.map(({ victim }) => victim);
  const isExcused = victims.some((victim) => EXCUSES[victim]?.test(logs));
  if (task.state === 'SYSTEM_ERROR' && isExcused) return { outcome: 'SYSTEM_ERROR, told', problems };
  if (victims.includes('init') && task.state === 'EXECUTOR_ERROR' && last?.logs.at(-1)?.exit_code === 137)
    return { outcome: 'exit code 137', problems };
  // Where errors are ignored, the next executor has run.
  if (
    victims.includes('init') &&
    task.state === 'COMPLETE' &&
    last?.logs.some(({ exit_code }) => exit_code === 137)
  )
    return { outcome: 'exit code 137, ignored', problems };
  return { outcome: `${task.state}, wrong`, problems: [...problems, ...found, logs] };
}

/** An executor starts once at most, in whichever attempt: the site allows one, and another only where nothing had run. */
function* wrongStarts(task: TesTask, starts: ReadonlyMap<string, number>): Generator<string> {
  const counts = new Map<string, number>();
  for (const [container, count] of starts) {
    const [, id, index = ''] = /^(.*)-\d+-(\d+)$/.exec(container) ?? [];
    if (id === task.id) counts.set(index, (counts.get(index) ?? 0) + count);
  }
  for (const [index, count] of counts) if (count > 1) yield `executor ${index} was started ${count} times`;
  for (const index of task.logs?.at(-1)?.logs.keys() ?? []) {
    const isOver = task.logs?.at(-1)?.logs[index]?.end_time !== undefined;
    if (isOver && !counts.has(String(index))) yield `executor ${index} has an end and was never started`;
  }
}

async function differences(task: TesTask, expected: StormTask['expected']): Promise<string[]> {
  const executors = task.logs?.at(-1)?.logs ?? [];
  const exitCodes = executors.map(({ exit_code }) => exit_code);
  const stdout = executors.map((executor) => executor.stdout ?? '');
  const files = Object.keys(expected.outputs);
  const contents = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => 'missing')));
  const outputs = Object.fromEntries(files.map((file, at) => [file, contents[at]]));
  const found = { state: task.state, exitCodes, stdout, outputs };
  return Object.entries(expected)
    .filter(([name, value]) => !isDeepStrictEqual(Reflect.get(found, name), value))
    .map(([name, value]) => `${name}: ${brief(Reflect.get(found, name))} instead of ${brief(value)}`);
}

function brief(value: unknown): string {
  return JSON.stringify(value).slice(0, 300);
}

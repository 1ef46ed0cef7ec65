import { setTimeout as sleep } from 'node:timers/promises';
import type { TesTask } from '../../src/tes/task.ts';
import { until } from '../poll.ts';
import { idleBaseline, leaks } from './idle.ts';
import { planKills } from './plan.ts';
import { isAlive } from './processes.ts';
import type { Record, Report } from './report.ts';
import { round } from './round.ts';
import { SHAPES } from './shapes.ts';
import { ENDS } from './sightings.ts';
import type { Stage } from './stage.ts';
import { create, makeTask, type StormTask } from './tasks.ts';
import { judge } from './verdict.ts';
import { OF_THE_SERVER } from './victims.ts';

export interface StormOptions {
  readonly seed: number;
  readonly kills: number;
  readonly tell: (line: string) => void;
}

/** Tasks that run beside the one whose phase is waited for. */
const COMPANY = SHAPES.filter((shape) => shape !== 'fresh');
const MAX_UNENDED = 4;
const LOOK_EVERY_MS = 50;
const END_MS = 120_000;
const SERVER_END_MS = 10_000;
/** Of the plan, a kill may find nobody to kill. */
const MAX_ROUNDS_PER_KILL = 5;

/** Kills and kills while tasks run, starts the server again whenever it has ended, and says what came of it. */
export async function storm(stage: Stage, options: StormOptions): Promise<Report> {
  const { seed, kills, tell } = options;
  const began = performance.now();
  const before = await idleBaseline(stage);
  const tasks: StormTask[] = [];
  const records: { record: Record; target: StormTask }[] = [];
  const problems: string[] = [];
  const count = { killed: 0, restarts: 0 };

  for (const kill of planKills(seed)) {
    if (count.killed >= kills || records.length >= kills * MAX_ROUNDS_PER_KILL) break;
    const name = `storm-${seed}-${kill.number}`;
    const target = await makeTask(stage, name, kill.shape);
    const company = await makeTask(
      stage,
      `${name}-company`,
      COMPANY[kill.number % COMPANY.length] ?? 'single',
    );
    tasks.push(company, target);
    await room(stage, tasks);
    await create(stage, company);
    const warden = stage.server.pid;
    const record = await round(stage, kill, target, tasks);
    if (record.result === 'killed') count.killed += 1;
    records.push({ record, target });
    if (record.result === 'killed' && OF_THE_SERVER.includes(kill.victim)) {
      if (!(await hasGone(warden))) {
        record.problems.push(`the server goes on without its ${kill.victim}`);
        await stage.server.leave('SIGKILL');
      }
    }
    if (!isAlive(warden)) {
      if (!OF_THE_SERVER.includes(kill.victim))
        record.problems.push(`the server ended with a ${kill.victim}`);
      await stage.server.serveAgain();
      count.restarts += 1;
    }
    tell(`${record.result} ${kill.victim} in ${kill.phase} of ${kill.shape} (${count.killed}/${kills})`);
  }

  const ends = new Map<string, number>();
  const listed = await allTasks(stage);
  for (const task of tasks) {
    const id = task.id ?? listed.find(({ name }) => name === task.name)?.id;
    const record = records.find(({ target }) => target === task)?.record;
    const { outcome, problems: wrong } =
      id === undefined ? { outcome: 'not created', problems: [] } : await judgeAtEnd(stage, task, id);
    if (record !== undefined) record.outcome = outcome;
    (record?.problems ?? problems).push(
      ...wrong.map((problem) => `${task.name} (${task.shape}, ${id}): ${problem}`),
    );
    ends.set(outcome, (ends.get(outcome) ?? 0) + 1);
  }
  problems.push(...(await leaks(stage, before)));

  const all = records.map(({ record }) => record);
  return {
    seed,
    seconds: (performance.now() - began) / 1000,
    kills: count.killed,
    restarts: count.restarts,
    tasks: tasks.length,
    acknowledged: tasks.filter(({ id }) => id !== undefined).length,
    starts: [...stage.counter.starts.values()].reduce((sum, starts) => sum + starts, 0),
    ends: Object.fromEntries(ends),
    records: all,
    problems: [
      ...all.flatMap(({ kill, problems: wrong }) =>
        wrong.map((problem) => `${kill.number}: ${kill.victim} killed in ${kill.phase}: ${problem}`),
      ),
      ...problems,
    ],
  };
}

async function hasGone(pid: number): Promise<boolean> {
  return await until(() => !isAlive(pid), { timeoutMs: SERVER_END_MS, what: 'the server to end' }).then(
    () => true,
    () => false,
  );
}

/** So that a kill meets a few tasks, and the next one's phase comes soon. */
async function room(stage: Stage, tasks: readonly StormTask[]): Promise<void> {
  const deadline = performance.now() + END_MS;
  while ((await unended(stage, tasks)) > MAX_UNENDED) {
    if (performance.now() > deadline) throw new Error(`more than ${MAX_UNENDED} tasks come to no end`);
    await sleep(LOOK_EVERY_MS);
  }
}

async function unended(stage: Stage, tasks: readonly StormTask[]): Promise<number> {
  const open = tasks.filter(({ id, hasEnded }) => id !== undefined && !hasEnded);
  for (const task of open) {
    const { state } = await stage.server.get(task.id ?? '');
    task.hasEnded = ENDS.includes(state);
  }
  return open.filter(({ hasEnded }) => !hasEnded).length;
}

async function allTasks(stage: Stage): Promise<TesTask[]> {
  return await list(stage, 'view=BASIC');
}

async function list(stage: Stage, query: string): Promise<TesTask[]> {
  const answer = await stage.server.request(`/ga4gh/tes/v1/tasks?page_size=2047&${query}`);
  const { tasks }: { tasks: TesTask[] } = JSON.parse(await answer.text());
  return tasks;
}

async function judgeAtEnd(
  stage: Stage,
  task: StormTask,
  id: string,
): Promise<{ outcome: string; problems: readonly string[] }> {
  try {
    return await judge(task, await stage.server.ended(id, END_MS), stage.counter.starts);
  } catch (error) {
    return { outcome: 'no end', problems: [error instanceof Error ? error.message : String(error)] };
  }
}

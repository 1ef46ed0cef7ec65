import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupFolders, cgroupVersion } from '../../src/warden/cgroups.ts';
import type { TesTask } from '../../src/tes/task.ts';
import { until } from '../poll.ts';
import { type Baseline, baselineOf, compare } from './baseline.ts';
import { type Kill, planKills } from './plan.ts';
import { isAlive } from './processes.ts';
import type { Record, Report } from './report.ts';
import type { ShapeName } from './shapes.ts';
import { ENDS, sighted } from './sightings.ts';
import type { Stage } from './stage.ts';
import { cancel, create, makeTask, type StormTask } from './tasks.ts';
import { judge } from './verdict.ts';
import { findVictim, names, OF_THE_SERVER } from './victims.ts';

export interface StormOptions {
  readonly seed: number;
  readonly kills: number;
  readonly tell: (line: string) => void;
}

/** Tasks that run beside the one whose phase is waited for. */
const COMPANY: readonly ShapeName[] = ['several', 'single', 'chatty', 'staged', 'failing'];
const SHAPES: readonly ShapeName[] = [...COMPANY, 'fresh'];
const MAX_UNENDED = 4;
const LOOK_EVERY_MS = 50;
const END_MS = 120_000;
const VICTIM_MS = 100;
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

/** Brings a task into the phase, and kills. */
async function round(
  stage: Stage,
  kill: Kill,
  target: StormTask,
  tasks: readonly StormTask[],
): Promise<Record> {
  const { phase } = kill;
  let known: number | undefined;
  const strike = async (): Promise<Record> => {
    await sleep(kill.delayMs);
    const pid = known ?? (await found(stage, kill, target));
    if (pid === undefined || !killed(pid)) return { kill, result: 'missed', outcome: '', problems: [] };
    // Whose files it moved isn't seen from outside.
    const hit = kill.victim === 'tree' ? tasks : OF_THE_SERVER.includes(kill.victim) ? [] : [target];
    for (const task of hit) task.victimOf.push(kill);
    return { kill, result: 'killed', outcome: '', problems: [] };
  };
  const missed: Record = { kill, result: 'missed', outcome: '', problems: [] };

  if (phase === 'create')
    return await whileSending(async (onSent) => await create(stage, target, onSent), strike);
  await create(stage, target);
  if (target.id === undefined) throw new Error('a server that nobody kills took no task');
  if (phase === 'exit') {
    // Those who wait for an end are soon gone after it: they are looked for before.
    if (!(await sighted(stage, 'run', target.id))) return missed;
    known = await found(stage, kill, target);
  }
  if (phase !== 'cancel') return (await sighted(stage, phase, target.id)) ? await strike() : missed;
  if (
    kill.cancelAt !== 'create' &&
    kill.cancelAt !== 'cancel' &&
    !(await sighted(stage, kill.cancelAt, target.id))
  )
    return missed;
  return await whileSending(async (onSent) => await cancel(stage, target, onSent), strike);
}

/** It may be only about to begin. */
async function found(stage: Stage, { victim }: Kill, { id }: StormTask): Promise<number | undefined> {
  const deadline = performance.now() + VICTIM_MS;
  for (;;) {
    const pid = findVictim(stage, victim, id ?? 'none');
    if (pid !== undefined || performance.now() > deadline) return pid;
    await sleep(1);
  }
}

/** Strikes once the request is on its way, and waits for what becomes of both. */
async function whileSending(
  send: (onSent: () => void) => Promise<void>,
  strike: () => Promise<Record>,
): Promise<Record> {
  const struck = Promise.withResolvers<Record>();
  const sent = send(() => void strike().then(struck.resolve, struck.reject));
  const [record] = await Promise.all([struck.promise, sent]);
  return record;
}

function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
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

/** After another start and one task of each shape, one after the other: the same whenever nothing has leaked. */
async function idleBaseline(stage: Stage): Promise<Baseline> {
  await stage.server.leave('SIGTERM');
  await stage.server.serveAgain();
  for (const shape of SHAPES) {
    const task = await makeTask(stage, `idle-${shape}`, shape);
    await stage.server.run(task.document);
    await quiet(stage);
  }
  return await baselineOf(stage);
}

/** Nothing of any task is left: what is freed after a task's end is freed. */
async function quiet({ run }: Stage): Promise<void> {
  const cgroups = cgroupFolders(cgroupVersion(), `/bulkhead-${run.instance}`);
  const folders = [run.runtime, run.exits, ...cgroups];
  await until(
    () => !folders.some((folder) => names(folder).some((name) => /-\d+-\d+(\.done)?$/.test(name))),
    {
      timeoutMs: 30_000,
      what: 'the server to be idle',
    },
  );
}

/** Looked at as the storm left it, then as another idle server is. */
async function leaks(stage: Stage, before: Baseline): Promise<string[]> {
  const found: string[] = [];
  await quiet(stage).catch((error: unknown) => void found.push(String(error)));
  let after = await idleBaseline(stage);
  // What was freed last, such as a connection that is kept for a while, goes in its own time.
  await until(async () => compare(before, (after = await baselineOf(stage))).length === 0, {
    timeoutMs: 20_000,
    what: 'the host to be as before',
  }).catch(() => {});
  return [...found, ...compare(before, after).map((line) => `leaked: ${line}`)];
}

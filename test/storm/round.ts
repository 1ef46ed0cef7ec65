import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Kill } from './plan.ts';
import { commandOf, type Process } from './processes.ts';
import type { Record } from './report.ts';
import { sighted } from './sightings.ts';
import type { Stage } from './stage.ts';
import { cancel, create, type StormTask } from './tasks.ts';
import { findVictim, OF_THE_SERVER } from './victims.ts';

const VICTIM_MS = 100;

/** Brings a task into the phase, and kills. */
export async function round(
  stage: Stage,
  kill: Kill,
  target: StormTask,
  tasks: readonly StormTask[],
): Promise<Record> {
  const { phase } = kill;
  let known: Process | undefined;
  const strike = async (): Promise<Record> => {
    await sleep(kill.delayMs);
    const victim = known ?? (await awaitVictim(stage, kill, target));
    if (victim === undefined || !killed(victim)) return { kill, result: 'missed', outcome: '', problems: [] };
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
    known = await awaitVictim(stage, kill, target);
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
async function awaitVictim(stage: Stage, { victim }: Kill, { id }: StormTask): Promise<Process | undefined> {
  const deadline = performance.now() + VICTIM_MS;
  for (;;) {
    const pid = findVictim(stage, victim, id ?? 'none');
    if (pid !== undefined) return { pid, words: commandOf(pid) };
    if (performance.now() > deadline) return undefined;
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

/** Not another one that has got its id since. */
function killed({ pid, words }: Process): boolean {
  if (!isDeepStrictEqual(commandOf(pid), words)) return false;
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

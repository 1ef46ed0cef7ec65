/** A task beside bombs that must not notice, judged against itself: how it went before the first, and after. */
import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import type { TesTask, TesTaskDocument } from '../../src/tes/task.ts';
import { textOf, type LogLine } from '../e2e/follow.ts';
import type { TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';
import { exits, sh, told } from './tasks.ts';

export interface Neighbour {
  readonly id: string;
  /** Its end: nothing went wrong in it, nothing of it was limited, and it went as before. */
  judge(): Promise<TesTask>;
}

/** How many times slower than in calm: what others do on this machine is in it too. */
const SLOWEST = 5;
const CALM_BEATS = 20;

/** Starts one that beats some ten times a second, and waits until it has done so for a while in calm. */
export async function startNeighbour(server: TestServer, beats: number): Promise<Neighbour> {
  // Each beat is a start of a process, a write to its disk, and the time since this host started.
  const script = `n=0; while [ $n -lt ${beats} ]; do read up rest < /proc/uptime; echo $up; echo $n >> /own/beats; n=$((n+1)); sleep 0.1; done; wc -l < /own/beats >&2`;
  const document: TesTaskDocument = {
    name: 'neighbour',
    executors: [sh(['sh', '-c', script])],
    volumes: ['/own'],
  };
  const id = await server.create(document);
  await until(async () => (await beatsOf(server, id)).length >= CALM_BEATS, {
    timeoutMs: 30_000,
    what: 'the neighbour to have beaten for a while',
  });
  const [uptime = ''] = (await readFile('/proc/uptime', 'utf8')).split(' ');
  const begin = Number(uptime);

  return {
    id,
    async judge() {
      const task = await server.ended(id, 180_000);
      expect({ state: task.state, exits: exits(task) }).toEqual({ state: 'COMPLETE', exits: [0] });
      expect(told(task)).not.toMatch(/limit|full|killed|refused|lost/);
      expect(task.logs?.[0]?.logs[0]?.stderr).toBe(`${beats}\n`);
      const all = await beatsOf(server, id);
      expect(all).toHaveLength(beats);
      const [calm, storm] = [all.filter((at) => at < begin), all.filter((at) => at >= begin)];
      expect(storm.length).toBeGreaterThan(CALM_BEATS);
      expect(median(pauses(storm)) / median(pauses(calm))).toBeLessThan(SLOWEST);
      return task;
    },
  };
}

async function beatsOf(server: TestServer, id: string): Promise<number[]> {
  const answer = await server.request(`/bulkhead/v1/tasks/${id}/logs`);
  const lines = (await answer.text()).split('\n').filter((line) => line !== '');
  const events = lines.map((line): LogLine => JSON.parse(line));
  return textOf(events, 0, 'stdout').split('\n').slice(0, -1).map(Number);
}

function pauses(beats: readonly number[]): number[] {
  return beats.slice(1).map((beat, at) => beat - (beats[at] ?? 0));
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

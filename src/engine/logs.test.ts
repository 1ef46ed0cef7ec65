import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXIT, openRig } from '../../test/doubles/engine-rig.ts';
import type { Rig } from '../../test/doubles/engine-rig.ts';
import type { Place } from '../../test/doubles/scripted-machine.ts';
import { until } from '../../test/poll.ts';
import type { LogEvent } from './engine.ts';

let rig: Rig;

beforeEach(async () => {
  rig = openRig({ script: { progress: ['pulling', 'pulled'] } });
  await rig.engine.start();
});

afterEach(async () => {
  await rig.engine.stop({ drain: true });
});

/** Events without their times, output as text, that of one executor and stream joined. */
function told(events: readonly LogEvent[]): string[] {
  const lines: string[] = [];
  let last = '';
  for (const event of events) {
    if (event.kind === 'output') {
      const text = Buffer.from(event.data).toString();
      const source = `${event.executor} ${event.stream}`;
      if (source === last) lines.push(`${lines.pop()}${text}`);
      else lines.push(`${source}: ${text}`);
      last = source;
      continue;
    }
    last = '';
    if (event.kind === 'state') lines.push(event.state);
    else if (event.kind === 'progress') lines.push(event.message);
    else lines.push(`${event.executor} ended with ${event.exitCode}`);
  }
  return lines;
}

async function all(id: string, follow: boolean, signal = new AbortController().signal): Promise<LogEvent[]> {
  const events: LogEvent[] = [];
  for await (const event of rig.engine.logs(id, { follow, signal })) events.push(event);
  return events;
}

function placeOf(id: string): Place {
  const place = rig.machine.find({ backend: 'scripted', taskId: id, number: 1 });
  if (place === undefined) throw new Error(`nothing was prepared for ${id}`);
  return place;
}

describe('following', () => {
  test('tells a short task from its first to its last state', async () => {
    const id = await rig.submit([EXIT.speak, EXIT.speak]);
    const lines = told(await all(id, true));
    expect(lines.filter((line) => !line.startsWith('pull'))).toEqual([
      'QUEUED',
      'INITIALIZING',
      'RUNNING',
      '0 stdout: out',
      '0 stderr: err',
      '0 ended with 0',
      '1 stdout: out',
      '1 stderr: err',
      '1 ended with 0',
      'COMPLETE',
    ]);
  });

  test('tells progress while a task is prepared, and output while it runs', async () => {
    const id = await rig.submit([EXIT.hang]);
    const events: LogEvent[] = [];
    const following = (async () => {
      for await (const event of rig.engine.logs(id, { follow: true, signal: new AbortController().signal }))
        events.push(event);
    })();
    await rig.inState(id, 'RUNNING');
    for (const word of ['one ', 'two ', 'three ']) {
      rig.machine.write(placeOf(id), 0, 'stdout', word);
      await until(() => told(events).at(-1)?.endsWith(word) === true, { what: word });
    }
    rig.machine.finish(placeOf(id), 0, 9);
    await following;
    expect(told(events)).toEqual([
      'QUEUED',
      'INITIALIZING',
      'pulling',
      'pulled',
      'RUNNING',
      '0 stdout: one two three ',
      '0 ended with 9',
      'EXECUTOR_ERROR',
    ]);
  });

  test('hears of a cancel in the queue', async () => {
    const first = await rig.submit([EXIT.hang], { limits: { cpuCores: 4 } });
    await rig.inState(first, 'RUNNING');
    const second = await rig.submit([EXIT.zero], { limits: { cpuCores: 4 } });
    const following = all(second, true);
    await rig.cancel(second);
    expect(told(await following)).toEqual(['QUEUED', 'CANCELED']);
    await rig.cancel(first);
    await rig.ended(first);
  });

  test('ends when it is aborted', async () => {
    const id = await rig.submit([EXIT.hang]);
    const abort = new AbortController();
    const following = all(id, true, abort.signal);
    await rig.inState(id, 'RUNNING');
    abort.abort();
    expect(told(await following)).not.toContain('COMPLETE');
    await rig.cancel(id);
    await rig.ended(id);
  });

  test('gives many followers the same, and leaves nothing behind', async () => {
    const id = await rig.submit([EXIT.speak]);
    const many = await Promise.all(
      Array.from({ length: 50 }, async () =>
        told(await all(id, true)).filter((line) => !line.startsWith('pull')),
      ),
    );
    for (const lines of many) expect(lines).toEqual(many[0]);
  });

  test('reads no faster than its follower: a slow one holds one piece at a time', async () => {
    const id = await rig.submit([EXIT.hang]);
    await rig.inState(id, 'RUNNING');
    rig.machine.write(placeOf(id), 0, 'stdout', 'x'.repeat(10 * 2 ** 20));
    const events = rig.engine.logs(id, { follow: true, signal: new AbortController().signal });
    for await (const event of events) if (event.kind === 'output') break;
    // One of each stream, at most, was read for the one that was asked for.
    expect(rig.backend.count('readLog', id)).toBeLessThanOrEqual(2);
    await rig.cancel(id);
    await rig.ended(id);
  });
});

describe('a task that has ended', () => {
  test('is told whole and once, whether followed or not', async () => {
    const id = await rig.submit([EXIT.speak]);
    await rig.ended(id);
    const lines = [
      'QUEUED',
      'INITIALIZING',
      'RUNNING',
      '0 stdout: out',
      '0 stderr: err',
      '0 ended with 0',
      'COMPLETE',
    ];
    expect(told(await all(id, true))).toEqual(lines);
    expect(told(await all(id, false))).toEqual(lines);
  });

  test('is told from its record where its files are gone', async () => {
    const id = await rig.submit([EXIT.speak]);
    await rig.ended(id);
    const executor = placeOf(id).executors.get(0);
    if (executor !== undefined) Object.assign(executor, { stdout: '', stderr: '' });
    expect(told(await all(id, false))).toContain('0 stdout: out');
  });
});

test('not following tells what there is, and ends', async () => {
  const id = await rig.submit([EXIT.hang]);
  await rig.inState(id, 'RUNNING');
  rig.machine.write(placeOf(id), 0, 'stderr', 'so far');
  expect(told(await all(id, false)).at(-1)).toBe('0 stderr: so far');
  await rig.cancel(id);
  await rig.ended(id);
});

test('an unknown task is not found', async () => {
  await expect(all('nobody', true)).rejects.toMatchObject({ code: 'not-found' });
});

import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import type { LogEvent } from '../../src/engine/engine.ts';
import { createScriptedEngine } from '../doubles/scripted-engine.ts';
import { until } from '../poll.ts';
import { startRig } from './rig.ts';
import type { Rig } from './rig.ts';

const rigs: Rig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
});

async function rigWith(script: Parameters<typeof createScriptedEngine>[0]): Promise<Rig> {
  const rig = await startRig({ engine: createScriptedEngine(script) });
  rigs.push(rig);
  return rig;
}

function open(rig: Rig, id: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`${rig.address}/bulkhead/v1/tasks/${id}/logs?follow=true`, resolve).on('error', reject);
  });
}

const EVENTS: readonly LogEvent[] = [
  { kind: 'state', state: 'RUNNING', at: 1 },
  { kind: 'progress', message: 'pulled', at: 2 },
  { kind: 'output', executor: 0, stream: 'stderr', data: Uint8Array.of(0, 255, 10) },
  { kind: 'exit', executor: 0, exitCode: 137, at: 3 },
];

/** Tells the state, then nothing until it is told to stop; ends as an engine does, by an error. */
async function* waiting({ signal }: { signal: AbortSignal }): AsyncGenerator<LogEvent> {
  yield { kind: 'state', state: 'RUNNING', at: 1 };
  await new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
}

test('each event is a line, bytes are base64, and the answer ends with the events', async () => {
  const follows: boolean[] = [];
  const rig = await rigWith(async function* told({ follow }) {
    follows.push(follow);
    yield* EVENTS;
  });
  const id = await rig.create();
  for (const query of ['', '?follow=false', '?follow=true']) {
    const answer = await rig.request(`/bulkhead/v1/tasks/${id}/logs${query}`);
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    expect(
      answer.text
        .trimEnd()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ).toEqual([
      EVENTS[0],
      EVENTS[1],
      { kind: 'output', executor: 0, stream: 'stderr', data: 'AP8K' },
      EVENTS[3],
    ]);
  }
  expect(follows).toEqual([false, false, true]);
  expect((await rig.request(`/bulkhead/v1/tasks/${id}/logs?follow=maybe`)).status).toBe(400);
});

test('what happens is told when it happens, and a reader that goes away ends it', async () => {
  const rig = await rigWith(waiting);
  const response = await open(rig, await rig.create());
  const [first] = await response.take(1).toArray();
  expect(JSON.parse(String(first))).toEqual({ kind: 'state', state: 'RUNNING', at: 1 });
  response.destroy();
  await until(() => rig.engine.readers === 0, { what: 'the engine to be told that the reader is gone' });
});

test('a server that closes ends what is being followed', async () => {
  const rig = await startRig({ engine: createScriptedEngine(waiting) });
  const response = await open(rig, await rig.create());
  response.resume();
  await until(() => rig.engine.told === 1, { what: 'the first event' });
  const ended = new Promise((resolve) => response.once('close', resolve));
  await rig.close();
  await ended;
  expect(rig.engine.readers).toBe(0);
});

test('a reader that stops reading stops the engine from telling more', async () => {
  const data = Buffer.alloc(64 * 1024, 'x');
  const rig = await rigWith(async function* flood() {
    for (let at = 0; at < 10_000; at += 1) yield { kind: 'output', executor: 0, stream: 'stdout', data };
  });
  const response = await open(rig, await rig.create());
  response.pause();
  let before = -1;
  // Socket buffers fill, then nothing moves: 640 MB would have been told otherwise.
  await until(
    async () => {
      const isStill = before === rig.engine.told;
      before = rig.engine.told;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return isStill && rig.engine.told === before && before > 0;
    },
    { what: 'the engine to be held up' },
  );
  expect(before).toBeLessThan(1000);
  response.destroy();
  await until(() => rig.engine.readers === 0, { what: 'the engine to be told that the reader is gone' });
});

test('an engine that fails on the way cuts the answer short, and the server goes on', async () => {
  const rig = await rigWith(async function* broken() {
    yield { kind: 'state', state: 'RUNNING', at: 1 };
    throw new Error('disk on fire');
  });
  const id = await rig.create();
  await expect(rig.request(`/bulkhead/v1/tasks/${id}/logs`)).rejects.toThrow();
  expect((await rig.request(`/tasks/${id}`)).status).toBe(200);
});

test("another's task, or none, has no logs", async () => {
  const rig = await rigWith(async function* none() {});
  expect((await rig.request('/bulkhead/v1/tasks/x/logs')).status).toBe(404);
});

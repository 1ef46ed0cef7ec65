import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { TesState } from '../../src/tes/states.ts';
import type { TesTask, TesTaskDocument } from '../../src/tes/task.ts';
import type { TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';

/** One file of `test/clients/fixtures`; its README tells what the keys mean. */
export interface ClientShape {
  readonly client: string;
  readonly request: { readonly path: string; readonly headers: Record<string, string> };
  readonly task: TesTaskDocument;
  readonly files: Record<string, string>;
  readonly ends: TesState;
  readonly exit_codes: number[];
  readonly results: Record<string, string>;
}

const FIXTURES = join(import.meta.dirname, '../clients/fixtures');
const END: readonly TesState[] = ['COMPLETE', 'EXECUTOR_ERROR', 'SYSTEM_ERROR', 'CANCELED'];

export async function shapeNames(): Promise<string[]> {
  return (await readdir(FIXTURES)).map((name) => name.replace(/\.json$/, ''));
}

/** A shape with its placeholders filled in. */
export async function readShape(name: string, { root, image }: { root: string; image: string }) {
  const text = await readFile(join(FIXTURES, `${name}.json`), 'utf8');
  const shape: ClientShape = JSON.parse(
    text.replaceAll('{{root}}', () => root).replaceAll('{{image}}', () => image),
  );
  return shape;
}

/** Puts its files in place and sends its request; answers the id of the task. */
export async function submit(server: TestServer, shape: ClientShape): Promise<string> {
  for (const [path, content] of Object.entries(shape.files)) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  const answer = await server.request(shape.request.path, {
    method: 'POST',
    headers: shape.request.headers,
    body: JSON.stringify(shape.task),
  });
  const body: { id?: string } = JSON.parse(await answer.text());
  expect({ status: answer.status, body }).toEqual({ status: 200, body: { id: expect.any(String) } });
  return body.id ?? '';
}

/** Asks for the task at an address as a client does, until it has ended; checks each state that it sees on the way. */
export async function poll(server: TestServer, address: string): Promise<TesTask> {
  let task = await get(server, address);
  await until(
    async () => {
      task = await get(server, address);
      expect(['QUEUED', 'INITIALIZING', 'RUNNING', 'CANCELING', ...END]).toContain(task.state);
      return END.includes(task.state);
    },
    { timeoutMs: 60_000, what: `the end of ${address}` },
  );
  return task;
}

export async function get(server: TestServer, address: string): Promise<TesTask> {
  const answer = await server.request(address, { headers: { accept: 'application/json' } });
  expect(answer.status).toBe(200);
  const task: TesTask = JSON.parse(await answer.text());
  return task;
}

/** What the shape says of the task's end: state, exit codes, and the files that are there. */
export async function expectEnd(shape: ClientShape, task: TesTask): Promise<void> {
  const found: Record<string, string> = {};
  for (const path of Object.keys(shape.results))
    found[path] = await readFile(path, 'utf8').catch(() => 'not there');
  const log = task.logs?.at(-1);
  expect({
    state: task.state,
    exitCodes: log?.logs.map(({ exit_code: code }) => code),
    found,
    told: log?.system_logs,
  }).toMatchObject({ state: shape.ends, exitCodes: shape.exit_codes, found: shape.results });
}

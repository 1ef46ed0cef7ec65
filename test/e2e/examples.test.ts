import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TesTask, TesTaskDocument } from '../../src/tes/task.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';

let server: TestServer;
beforeAll(async () => {
  const defaults = { disk_gb: 0.125, ram_gb: 0.25, cpu_cores: 0.5 };
  server = await startServer({ policy: { defaults, ceilings: { profile: 'mapped-root' } } });
});
afterAll(async () => {
  await server.stop();
});

function example(name: string): TesTaskDocument {
  const document: TesTaskDocument = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../examples', `${name}.json`), 'utf8'),
  );
  return document;
}

function said(task: TesTask): string[] {
  return (task.logs?.[0]?.logs[0]?.stdout ?? '').trim().split('\n');
}

it.each([
  [
    'strict',
    ['user: 65532', 'capabilities: 0000000000000000', "the image's files: read only", 'chown: refused'],
  ],
  [
    'standard',
    ['user: 0', 'capabilities: 0000000000000000', "the image's files: can be written", 'chown: refused'],
  ],
  [
    'mapped-root',
    ['user: 0', 'capabilities: 00000000800400fb', "the image's files: can be written", 'chown: done'],
  ],
])('%s may do what it should, and nothing else', async (name, [user, capabilities, files, chown]) => {
  const task = await server.run(example(name));
  expect(task.state).toBe('COMPLETE');
  expect(said(task)).toEqual([
    user,
    'root here is nobody outside',
    capabilities,
    files,
    '/tmp: can be written',
    chown,
    'network: lo',
  ]);
  expect(task.logs?.[0]?.metadata).toMatchObject({ sandbox_profile: name });
});

it('an image whose tools need root runs for a client that has nothing but tags, and fails under a fixed user', async () => {
  const wanted = example('nextflow-needs-root');
  const task = await server.run(wanted);
  expect([task.state, said(task)]).toEqual(['COMPLETE', ['42', '1000:1000']]);
  const fixed = await server.run({ ...wanted, tags: { sandbox_privilege: 'nonroot' } });
  expect(fixed.state).toBe('EXECUTOR_ERROR');
  expect(fixed.logs?.[0]?.logs[0]?.stderr).toMatch(/\/opt.*Permission denied/);
});

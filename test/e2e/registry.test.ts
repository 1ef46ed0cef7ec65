import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TesTask } from '../../src/tes/task.ts';
import { busyboxLayout } from '../fixtures/images.ts';
import { startRegistry, type Registry } from '../fixtures/registry.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';

/** Images of a real registry, run by a real server. */
let folder: string;
let registry: Registry;
let server: TestServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bulkhead-registry-'));
  await mkdir(join(folder, 'registry'));
  registry = await startRegistry({ folder: join(folder, 'registry') });
  server = await startServer({
    images: {
      layouts: [],
      registries: [
        { prefix: registry.host, plain_http: true },
        // Where nobody listens.
        { prefix: '127.0.0.1:9', plain_http: true },
      ],
    },
  });
});
afterAll(async () => {
  await server.stop();
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const run = (image: string, command: string[]): Promise<TesTask> =>
  server.run({ resources: { cpu_cores: 0.25 }, executors: [{ image, command }] });
const push = async (tag: string, as: string): Promise<string> =>
  registry.push(join(await busyboxLayout(), 'busybox'), tag, as);

describe('an image of a registry', () => {
  it('is pulled by its digest and run, and the digest is told', async () => {
    const digest = await push('latest', 'tools/busybox:1');
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    const task = await run(`${registry.host}/tools/busybox@${digest}`, ['echo', 'by digest']);
    expect(task).toMatchObject({
      state: 'COMPLETE',
      logs: [{ logs: [{ stdout: 'by digest\n' }], metadata: { sandbox_image_digest: digest } }],
    });
  });

  it('that a tag names is told by the digest that ran, also after the tag has moved', async () => {
    const image = `${registry.host}/tools/moving:latest`;
    const first = await push('latest', 'tools/moving:latest');
    expect(await run(image, ['id', '-u'])).toMatchObject({
      logs: [{ logs: [{ stdout: '0\n' }], metadata: { sandbox_image_digest: first } }],
    });
    const second = await push('user', 'tools/moving:latest');
    expect(second).not.toBe(first);
    expect(await run(image, ['id', '-u'])).toMatchObject({
      logs: [{ logs: [{ stdout: '1000\n' }], metadata: { sandbox_image_digest: second } }],
    });
    expect(await run(`${registry.host}/tools/moving@${first}`, ['id', '-u'])).toMatchObject({
      logs: [{ logs: [{ stdout: '0\n' }], metadata: { sandbox_image_digest: first } }],
    });
  });

  it('that is not there ends the task as SYSTEM_ERROR, with its name', async () => {
    for (const image of [
      `${registry.host}/tools/none:1`,
      '127.0.0.1:9/tools/none:1',
      'elsewhere.example/tools/none:1',
    ]) {
      const task = await run(image, ['true']);
      expect(task).toMatchObject({ state: 'SYSTEM_ERROR', logs: [{ logs: [] }] });
      expect(task.logs?.[0]?.system_logs?.join('\n')).toContain(image.replace(/:1$/, ''));
    }
  });

  it('with device nodes shows none of them to the task', async () => {
    await push('devices', 'tools/devices:1');
    const task = await run(`${registry.host}/tools/devices:1`, [
      'sh',
      '-c',
      'ls -l /dev/sda /dev/sda-too 2>/dev/null | grep -c ^b; head -c 1 /dev/sda 2>&1 | wc -c; true',
    ]);
    expect(task.logs?.[0]?.logs[0]?.stdout).toMatch(/^0\n/);
  });
});

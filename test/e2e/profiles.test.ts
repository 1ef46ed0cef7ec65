import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout, debianLayout } from '../fixtures/images.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { expectEnd, poll, readShape, shapeNames, submit } from './client-shape.ts';

/** The clients choose no sandbox: what they send must run whichever profile a site gives to all. */
describe.each(['strict', 'mapped-root'])('on a site whose tasks get the profile %s', (profile) => {
  let server: TestServer;
  beforeAll(async () => {
    const layouts = [await busyboxLayout(), await debianLayout('bash', ['bash', 'coreutils', 'grep', 'sed'])];
    server = await startServer({
      images: { layouts },
      policy: { defaults: { profile, disk_gb: 0.125, ram_gb: 0.25, cpu_cores: 0.25 } },
    });
  });
  afterAll(async () => {
    await server.stop();
  });

  it('every task of a client ends as it should, with the files that it should leave', async () => {
    for (const name of await shapeNames()) {
      const root = join(server.files, name);
      await mkdir(root);
      const shape = await readShape(name, { root, image: 'bash:latest' });
      const id = await submit(server, shape);
      const task = await poll(server, `/v1/tasks/${id}?view=FULL`);
      await expectEnd(shape, task);
      expect({ name, profile: task.logs?.[0]?.metadata?.['sandbox_profile'] }).toEqual({ name, profile });
    }
  });

  it.each(['latest', 'user'])(
    'whoever runs in busybox:%s can write where the task may write',
    async (tag) => {
      const script = 'touch /v/a /o/b /tmp/c "$HOME/d" w && cat /in/x';
      const task = await server.run({
        volumes: ['/v'],
        inputs: [{ path: '/in/x', content: 'x\n' }],
        outputs: [{ url: join(server.files, tag), path: '/o/b' }],
        executors: [{ image: `busybox:${tag}`, command: ['sh', '-c', script], workdir: '/work/here' }],
      });
      expect(task).toMatchObject({ state: 'COMPLETE', logs: [{ logs: [{ stdout: 'x\n', stderr: '' }] }] });
    },
  );
});

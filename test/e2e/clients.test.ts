import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TesTask } from '../../src/tes/task.ts';
import { busyboxLayout, debianLayout } from '../fixtures/images.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';
import { expectEnd, get, poll, readShape, shapeNames, submit } from './client-shape.ts';
import { expectStrictTask } from './strict-reader.ts';

/** Each client with its own requests, in its own order, on a real server with real containers. */
const IMAGE = 'bash:latest';
let server: TestServer;

beforeAll(async () => {
  const layouts = [await busyboxLayout(), await debianLayout('bash', ['bash', 'coreutils', 'grep', 'sed'])];
  server = await startServer({ images: { layouts } });
});
afterAll(async () => {
  await server.stop();
});

/** The shape on a folder of its own. */
async function shapeOf(name: string) {
  const root = join(server.files, name);
  return { root, shape: await readShape(name, { root, image: IMAGE }) };
}

describe('a task as a client sends it', () => {
  it('is told from every fixture that there is', async () => {
    expect((await shapeNames()).toSorted()).toEqual([
      'cromwell',
      'cwl-tes',
      'funnel-cli',
      'galaxy-pulsar',
      'nextflow-1.4',
      'nextflow-1.4-failing',
      'nextflow-20.12',
      'py-tes',
      'snakemake-7',
      'snakemake-9',
      'sprocket',
      'toil',
    ]);
  });

  it.each(['nextflow-1.4', 'nextflow-1.4-failing', 'nextflow-20.12'])(
    '%s: is polled without a view, then read in full, and leaves the files of the wrapper',
    async (name) => {
      const { shape, root } = await shapeOf(name);
      const id = await submit(server, shape);
      const polled = await poll(server, `/v1/tasks/${id}`);
      expect(polled).toEqual({ id, state: shape.ends });
      const task = await get(server, `/v1/tasks/${id}?view=FULL`);
      await expectEnd(shape, task);
      expect(task.outputs?.map(({ type }) => type)).toEqual(shape.task.outputs?.map(() => 'FILE'));
      const files = await readdir(join(root, 'work/1f/6d2e'));
      expect(files).toEqual(
        expect.arrayContaining(['.command.out', '.command.err', '.command.log', '.exitcode']),
      );
      expect(await readFile(join(root, 'work/1f/6d2e/.exitcode'), 'utf8')).toBe(String(shape.exit_codes[0]));
    },
  );

  it.each(['snakemake-7', 'snakemake-9', 'toil'])('%s: is polled by MINIMAL', async (name) => {
    const { shape } = await shapeOf(name);
    const id = await submit(server, shape);
    expect(await poll(server, `/ga4gh/tes/v1/tasks/${id}?view=MINIMAL`)).toEqual({ id, state: 'COMPLETE' });
    await expectEnd(shape, await get(server, `/ga4gh/tes/v1/tasks/${id}?view=FULL`));
  });

  it("Snakemake's job finds /tmp fresh and may run programs there, time and again", async () => {
    const { shape } = await shapeOf('snakemake-7');
    // `mkdir /tmp/conda` fails where an earlier job's /tmp is shared.
    const ids = [await submit(server, shape), await submit(server, shape)];
    for (const id of ids) await expectEnd(shape, await poll(server, `/ga4gh/tes/v1/tasks/${id}?view=FULL`));
  });

  it('cwl-tes: the random workdir comes back as a directory, without what stands above it', async () => {
    const { shape, root } = await shapeOf('cwl-tes');
    const id = await submit(server, shape);
    await poll(server, `/v1/tasks/${id}?view=MINIMAL`);
    const task = await get(server, `/v1/tasks/${id}?view=FULL`);
    await expectEnd(shape, task);
    expect((await readdir(join(root, 'cwl/all'))).toSorted()).toEqual(['output.txt', 'stderr.txt']);
    expect(task.logs?.[0]?.outputs.map(({ url }) => url).toSorted()).toEqual(
      ['all/output.txt', 'all/stderr.txt', 'output.txt'].map((path) => `file://${root}/cwl/${path}`),
    );
  });

  it('Cromwell: nulls and its own parameter are tolerated, rc arrives by mv, sizes are strings', async () => {
    const { shape, root } = await shapeOf('cromwell');
    const id = await submit(server, shape);
    const task = await poll(server, `/ga4gh/tes/v1/tasks/${id}?view=FULL`);
    await expectEnd(shape, task);
    const [log] = task.logs ?? [];
    expect(log?.system_logs?.join('\n')).toContain('backend parameter internal_path_prefix is not supported');
    expect(task.resources?.backend_parameters ?? {}).toEqual({});
    const execution = 'cromwell-executions/wf_hello/3f2c/call-hello/execution';
    expect(log?.outputs).toContainEqual({
      url: `${root}/${execution}/rc`,
      path: `/${execution}/rc`,
      size_bytes: '2',
    });
    // A log of the cloud that Cromwell looks for; it has to have a map to look in.
    expect(log?.metadata).toBeTypeOf('object');
  });

  it('Galaxy with Pulsar: three executors share what the first one made, seen by FULL alone', async () => {
    const { shape } = await shapeOf('galaxy-pulsar');
    const id = await submit(server, shape);
    await expectEnd(shape, await poll(server, `/v1/tasks/${id}?view=FULL`));
  });

  it('crankshaft: finds its task by its tag, page after page, and reads it strictly', async () => {
    const { shape } = await shapeOf('sprocket');
    const id = await submit(server, shape);
    const query = 'page_size=2047&tag_key=crankshaft&tag_value=hello-9f1&view=MINIMAL';
    await until(
      async () => {
        const answer = await server.request(`/v1/tasks?${query}`);
        const page: { tasks: TesTask[] } = JSON.parse(await answer.text());
        expect(page).toEqual({ tasks: [{ id, state: expect.any(String) }] });
        return page.tasks[0]?.state === 'COMPLETE';
      },
      { timeoutMs: 60_000, what: 'the task in the list' },
    );
    const task = await get(server, `/v1/tasks/${id}?view=FULL`);
    expectStrictTask(task);
    await expectEnd(shape, task);
  });

  it('funnel: sends empty credentials, which a server without accounts ignores, and reads strictly', async () => {
    const { shape } = await shapeOf('funnel-cli');
    const id = await submit(server, shape);
    expect(id).not.toBe('c1a2b3');
    const task = await poll(server, `/v1/tasks/${id}?view=FULL`);
    expectStrictTask(task);
    await expectEnd(shape, task);
    const info = await server.request('/v1/service-info', { headers: { authorization: 'Basic Og==' } });
    expect(info.status).toBe(200);
  });

  it('py-tes: stdin, an error that is ignored, and the strict reading of all that comes back', async () => {
    const { shape } = await shapeOf('py-tes');
    const id = await submit(server, shape);
    await poll(server, `/ga4gh/tes/v1/tasks/${id}`);
    const task = await get(server, `/ga4gh/tes/v1/tasks/${id}?view=FULL`);
    expectStrictTask(task);
    await expectEnd(shape, task);
    expect(task.tags).toEqual({ project: 'demo', empty: '' });
    const basic = await get(server, `/ga4gh/tes/v1/tasks/${id}?view=BASIC`);
    expect(basic.inputs?.[1]).toEqual({ path: '/data/literal', type: 'FILE' });
    expect(basic.logs?.[0]).not.toHaveProperty('system_logs');
  });
});

describe('a task that a client gives up', () => {
  it.each([
    ['Nextflow and cwl-tes', '/v1', {}],
    ['py-tes', '/ga4gh/tes/v1', { headers: { 'content-type': 'application/json' } }],
    ['Cromwell', '/ga4gh/tes/v1', { headers: { 'content-type': 'application/json' }, body: '{}' }],
    ['funnel', '/v1', { headers: { authorization: 'Basic Og==', 'content-type': 'application/json' } }],
  ] satisfies [string, string, RequestInit][])('%s: is canceled', async (_client, prefix, request) => {
    const id = await server.create({ executors: [{ image: IMAGE, command: ['sleep', '600'] }] });
    const answer = await server.request(`${prefix}/tasks/${id}:cancel`, { method: 'POST', ...request });
    expect({ status: answer.status, body: await answer.text() }).toEqual({ status: 200, body: '{}' });
    expect((await poll(server, `${prefix}/tasks/${id}`)).state).toBe('CANCELED');
  });
});

import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRig, TASK } from './rig.ts';
import type { Answer, Rig } from './rig.ts';

const TASKS = '/ga4gh/tes/v1/tasks';
let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

describe('a task that was created', () => {
  const sent = {
    id: 'mine',
    state: 'COMPLETE',
    logs: [{ logs: [] }],
    creation_time: 'never',
    name: 'n',
    inputs: [
      { path: '/in/a', content: 'secret', surprise: 1 },
      { path: '/in/b/', url: '/data/b/' },
    ],
    outputs: [{ path: '/out', url: 'file:///data/out', type: 'DIRECTORY' }],
    resources: { cpu_cores: 0.5, ram_gb: 1, gpus: 2, backend_parameters: { VmSize: 'x' } },
    executors: [{ image: 'alpine', command: ['echo', '', '$HOME; {{x}}'], env: { A: '' }, privileged: true }],
    volumes: ['/v'],
    tags: { a: '', parent: null },
    extra: true,
  };

  test('is answered whole in FULL, and by nothing that TES does not have', async () => {
    const id = await rig.create(sent);
    expect(id).not.toBe('mine');
    const { json } = await rig.request(`${TASKS}/${id}?view=FULL`);
    expect(json).toEqual({
      id,
      state: 'QUEUED',
      name: 'n',
      inputs: [
        { path: '/in/a', content: 'secret', type: 'FILE' },
        { path: '/in/b/', url: '/data/b/', type: 'DIRECTORY' },
      ],
      outputs: [{ path: '/out', url: 'file:///data/out', type: 'DIRECTORY' }],
      resources: { cpu_cores: 0.5, ram_gb: 1 },
      executors: [{ image: 'alpine', command: ['echo', '', '$HOME; {{x}}'], env: { A: '' } }],
      volumes: ['/v'],
      tags: { a: '' },
      logs: [],
      creation_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
  });

  test('is id and state in MINIMAL, the default, and lacks only content in BASIC', async () => {
    const id = await rig.create(sent);
    expect((await rig.request(`${TASKS}/${id}`)).json).toEqual({ id, state: 'QUEUED' });
    expect((await rig.request(`${TASKS}/${id}?view=MINIMAL`)).json).toEqual({ id, state: 'QUEUED' });
    const { json, text } = await rig.request(`${TASKS}/${id}?view=BASIC`);
    expect(json).toMatchObject({
      inputs: [{ path: '/in/a', type: 'FILE' }, { path: '/in/b/' }],
      executors: [{ image: 'alpine' }],
    });
    expect(text).not.toContain('secret');
  });

  test('wakes the engine, and is the same under each prefix', async () => {
    const before = rig.engine.wakes;
    const id = await rig.create();
    expect(rig.engine.wakes).toBe(before + 1);
    for (const prefix of ['/ga4gh/tes/v1', '/v1', '']) {
      expect((await rig.request(`${prefix}/tasks/${id}`)).json).toEqual({ id, state: 'QUEUED' });
      expect((await rig.request(`${prefix}//tasks/${id}/`)).json).toEqual({ id, state: 'QUEUED' });
    }
  });

  test('a whole number of cores is answered as an integer', async () => {
    const id = await rig.create({ ...TASK, resources: { cpu_cores: 1 } });
    expect((await rig.request(`${TASKS}/${id}?view=BASIC`)).text).toMatch(/"cpu_cores":1[,}]/);
  });

  test('unsupported parameters are neither stored nor refused, but refused where strict', async () => {
    const strict = {
      ...TASK,
      resources: { backend_parameters: { VmSize: 'x' }, backend_parameters_strict: true },
    };
    expect(await rig.request(TASKS, { body: strict })).toMatchObject({
      status: 400,
      json: {
        type: 'urn:bulkhead:problem:refused',
        errors: [{ pointer: '#/resources/backend_parameters/VmSize' }],
      },
    });
  });
});

describe('what a body may be called', () => {
  const types = [
    'application/json',
    'application/json; charset=utf-8',
    'text/plain',
    'application/x-www-form-urlencoded',
    'APPLICATION/VND.GA4GH+JSON',
  ];
  test.each(types)('%s is read as JSON', async (type) => {
    const answer = await rig.request(TASKS, {
      body: JSON.stringify(TASK),
      headers: { 'content-type': type },
    });
    expect(answer.status).toBe(200);
  });

  test('a body without a type, and one with a byte order mark, is read as JSON', async () => {
    const bytes = new TextEncoder().encode(`\uFEFF${JSON.stringify(TASK)}`);
    expect((await rig.request(TASKS, { body: bytes })).status).toBe(200);
  });

  test.each(['application/xml', 'multipart/form-data; boundary=x', 'application/yaml', '///'])(
    '%s is 415',
    async (type) => {
      const answer = await rig.request(TASKS, {
        body: JSON.stringify(TASK),
        headers: { 'content-type': type },
      });
      expect(answer).toMatchObject({ status: 415, json: { status: 415 } });
    },
  );

  test('a compressed body is 415', async () => {
    const answer = await rig.request(TASKS, {
      body: gzipSync(JSON.stringify(TASK)),
      headers: { 'content-encoding': 'gzip' },
    });
    expect(answer.status).toBe(415);
  });
});

describe('bad bodies', () => {
  const cases: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
    ['nothing', '', /missing/],
    ['malformed', '{"executors": [', /not JSON/],
    ['not an object', '[]', /must be an object/],
    [
      'a key twice',
      '{"executors":[{"image":"a","image":"b","command":["x"]}]}',
      /\/executors\/0 has the key "image" twice/,
    ],
    ['a key twice by an escape', '{"name":"a","n\\u0061me":"b"}', /"name" twice/],
    ['a key twice in what is dropped', '{"x":{"y":1,"y":2}}', /twice/],
    ['deep arrays', '['.repeat(1_000_000), /deeper than 64/],
    ['deep objects', '{"a":'.repeat(100_000), /deeper than 64/],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /UTF-8/],
    ['a number beyond all', '{"resources":{"ram_gb":1e999}}', /beyond/],
  ];
  test.each(cases)('%s is 400 with a clear detail', async (_what, body, detail) => {
    const answer = await rig.request(TASKS, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    expect(answer).toMatchObject({ status: 400, json: { status: 400, title: 'Not valid' } });
    expect(answer.json.detail).toMatch(detail);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(answer.text).not.toMatch(/node_modules|\.ts:\d|at \w+ \(/);
  });

  test('ten megabytes are 413, again and again, whether or not the length is announced, and the server goes on', async () => {
    for (let round = 0; round < 5; round += 1) {
      const answer = await rig.request(TASKS, { body: 'x'.repeat(10 * 2 ** 20) });
      expect(answer).toMatchObject({
        status: 413,
        json: { type: 'urn:bulkhead:problem:too-large', detail: expect.stringContaining('8388608') },
      });
    }
    const stream = new Blob(['x'.repeat(10 * 2 ** 20)]).stream();
    const response = await fetch(`${rig.address}${TASKS}`, {
      method: 'POST',
      body: stream,
      duplex: 'half',
    });
    expect(response.status).toBe(413);
    expect((await rig.request(TASKS)).status).toBe(200);
  });

  test('a body just below the limit is read', async () => {
    const contents = Array.from({ length: 7 }, (_, at) => ({
      path: `/in/${at}`,
      content: 'x'.repeat(2 ** 20),
    }));
    expect((await rig.request(TASKS, { body: { ...TASK, inputs: contents } })).status).toBe(200);
  });

  test('every fault is told, by the place in the body; keys that are no part of a URI are escaped', async () => {
    const body = {
      executors: [{ image: '--privileged', command: [], env: { 'a=#/b': '' } }],
      inputs: [{ path: '../x' }],
    };
    const { status, json } = await rig.request(TASKS, { body });
    expect(status).toBe(400);
    expect(json.errors?.map(({ pointer }) => pointer).toSorted()).toEqual([
      '#/executors/0/command',
      '#/executors/0/env/a=%23~1b',
      '#/executors/0/image',
      '#/inputs/0/path',
      '#/inputs/0/url',
    ]);
    expect((await rig.request(TASKS, { body: { ...TASK, tags: { '\ud800': 1 } } })).status).toBe(400);
  });
});

function send(key: string, body: object = TASK): Promise<Answer> {
  return rig.request(TASKS, { body, headers: { 'idempotency-key': key } });
}

describe('Idempotency-Key', () => {
  test('a request that is repeated makes one task, also when both come at once', async () => {
    const answers = await Promise.all([send('"k-1"'), send('"k-1"'), send('k-1')]);
    const ids = new Set(answers.map(({ json }) => json.id));
    expect(ids.size).toBe(1);
  });

  test('another document with the same key is 409', async () => {
    await send('k-2');
    expect(await send('k-2', { ...TASK, name: 'other' })).toMatchObject({
      status: 409,
      json: { type: 'urn:bulkhead:problem:conflict' },
    });
  });

  test.each(['""', 'two words', 'x'.repeat(256), '"open'])('a key %s is 400', async (key) => {
    expect(await send(key)).toMatchObject({
      status: 400,
      json: { errors: [{ parameter: 'Idempotency-Key' }] },
    });
  });
});

import type { FastifyBaseLogger } from 'fastify';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BulkheadError } from '../../src/errors.ts';
import { openMemoryStore } from '../doubles/memory-store.ts';
import { startRig, TASK } from './rig.ts';
import type { Rig } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

test.each([
  ['GET', '/nothing', 404],
  ['GET', '/tasks/unknown', 404],
  ['GET', '/tasks/a%2Fb%00..', 404],
  ['GET', `/tasks/${'x'.repeat(5000)}`, 404],
  ['GET', '/tasks/..%2F..%2Fetc', 404],
  ['POST', '/nothing', 404],
  ['GET', '/tasks/%E0%A4%A', 400],
  ['PUT', '/tasks', 405],
  ['DELETE', '/v1/tasks', 405],
  ['DELETE', '/ga4gh/tes/v1/tasks/x', 405],
  ['PATCH', '/tasks/x', 405],
  ['POST', '/service-info', 405],
  ['POST', '/healthz', 405],
  ['POST', '/bulkhead/v1/tasks/x/logs', 405],
  ['DELETE', '/bulkhead/v1/tasks/x/sandbox', 405],
])('%s %s is %i, and a problem document', async (method, path, status) => {
  const answer = await rig.request(path, { method });
  expect(answer).toMatchObject({
    status,
    json: {
      type: expect.stringMatching(/^urn:bulkhead:problem:/),
      title: expect.any(String),
      status,
      detail: expect.any(String),
    },
  });
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  if (status === 405) expect(answer.headers.get('allow')).toMatch(/GET|POST/);
});

test.each([
  ['what is not HTTP', 'NONSENSE\r\n\r\n', 400],
  ['headers without end', `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`, 431],
  [
    'two lengths',
    'POST /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
])('%s is answered by a problem document too', async (_what, bytes, status) => {
  const socket = connect(rig.port, '127.0.0.1');
  socket.write(bytes);
  const answer = await text(socket);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ status });
});

test('what goes wrong inside is told without its message or its stack, and logged with both', async () => {
  const logged: unknown[] = [];
  const memory = openMemoryStore();
  const broken = await startRig({
    logger: loggerInto(logged),
    store: { ...memory, list: () => Promise.reject(new Error('password=hunter2 in /root/secret')) },
  });
  try {
    const answer = await broken.request('/tasks');
    expect(answer).toMatchObject({
      status: 500,
      json: {
        type: 'urn:bulkhead:problem:internal',
        instance: expect.stringMatching(/^urn:bulkhead:request:./),
      },
    });
    expect(answer.text).not.toMatch(/hunter2|secret|stack/);
    expect(logged).toMatchObject([
      {
        err: { message: expect.stringContaining('hunter2') },
        instance: answer.json.instance,
      },
    ]);
  } finally {
    await broken.close();
  }
});

test.each([
  ['store-locked', 503, '5'],
  ['store-read-only', 503, '60'],
  ['disk-full', 503, '60'],
  ['store', 500, null],
] as const)('a store that fails with %s is %i, and healthz says so', async (code, status, wait) => {
  const fail = () => Promise.reject(new BulkheadError(code, 'database /var/lib/x is broken'));
  const broken = await startRig({ store: { ...openMemoryStore(), create: fail, get: fail } });
  try {
    const answer = await broken.request('/tasks', { body: TASK });
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain('/var/lib');
    expect(answer.headers.get('retry-after')).toBe(wait);
    expect((await broken.request('/healthz')).status).toBe(status);
  } finally {
    await broken.close();
  }
});

test.each([
  [1, '1'],
  [1001, '2'],
  [60_000, '60'],
])(
  'what says itself that it passes within %i ms is to be asked again after %s s',
  async (retryAfterMs, wait) => {
    const admit = () => Promise.reject(new BulkheadError('busy', 'not now', { retryAfterMs }));
    const busy = await startRig({ admit });
    try {
      const answer = await busy.request('/tasks', { body: TASK });
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, wait]);
    } finally {
      await busy.close();
    }
  },
);

function loggerInto(lines: unknown[]): FastifyBaseLogger {
  const logger: FastifyBaseLogger = {
    level: 'info',
    silent: ignore,
    fatal: ignore,
    error: (line: unknown) => lines.push(line),
    warn: ignore,
    info: ignore,
    debug: ignore,
    trace: ignore,
    child: () => logger,
  };
  return logger;
}

function ignore(): void {}

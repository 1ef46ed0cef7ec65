import { request as rawRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { as, namesAuthenticator, startRig, TASK } from './rig.ts';
import type { Answer, Rig } from './rig.ts';

/** With a Host or Origin of the test's own, which `fetch` doesn't allow. */
function statusOf(
  rig: Rig,
  path: string,
  method: string,
  headers: Record<string, string>,
  body = '',
): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = rawRequest({ host: '127.0.0.1', port: rig.port, path, method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function preflight(rig: Rig, origin: string): Promise<Answer> {
  return rig.request('/tasks', {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    },
  });
}

describe('with authentication', () => {
  let rig: Rig;
  let id: string;
  beforeAll(async () => {
    rig = await startRig({ authenticator: namesAuthenticator() });
    id = await rig.create(TASK, as('ada'));
  });
  afterAll(() => rig.close());

  test.each([
    ['GET', '/tasks'],
    ['GET', '/ga4gh/tes/v1/tasks/x'],
    ['POST', '/v1/tasks'],
    ['POST', '/v1/tasks/x:cancel'],
    ['GET', '/bulkhead/v1/tasks/x/logs'],
    ['GET', '/bulkhead/v1/tasks/x/sandbox'],
  ])('%s %s is 401 with challenges, whatever the body', async (method, path) => {
    const answer = await rig.request(path, { method, ...(method === 'POST' && { body: '{"' }) });
    expect(answer).toMatchObject({
      status: 401,
      json: { type: 'urn:bulkhead:problem:unauthenticated', status: 401 },
    });
    expect(answer.headers.get('www-authenticate')).toBe('Basic realm="bulkhead", Bearer');
  });

  test("another's task is as unknown as one that never was", async () => {
    const others = [
      ['GET', `/tasks/${id}?view=FULL`],
      ['POST', `/tasks/${id}:cancel`],
      ['GET', `/bulkhead/v1/tasks/${id}/logs`],
      ['GET', `/bulkhead/v1/tasks/${id}/sandbox`],
    ] as const;
    for (const [method, path] of others) {
      const foreign = await rig.request(path, { method, headers: as('eve') });
      const unknown = await rig.request(path.replace(id, 'x'.repeat(id.length)), {
        method,
        headers: as('eve'),
      });
      expect(foreign.status).toBe(404);
      expect(foreign.text.replaceAll(id, 'x'.repeat(id.length))).toBe(unknown.text);
      expect((await rig.request(path.replace(':cancel', ''), { headers: as('ada') })).status).toBe(200);
    }
    expect((await rig.request('/tasks', { headers: as('eve') })).json).toEqual({ tasks: [] });
    expect((await rig.request('/tasks', { headers: as('ada') })).json).toEqual({
      tasks: [{ id, state: 'QUEUED' }],
    });
  });

  test('an idempotency key is one of its owner', async () => {
    const key = { 'idempotency-key': 'k' };
    const mine = await rig.create(TASK, { ...as('ada'), ...key });
    expect(await rig.create(TASK, { ...as('eve'), ...key })).not.toBe(mine);
    expect(await rig.create(TASK, { ...as('ada'), ...key })).toBe(mine);
  });

  test('service-info is for everybody, its storage for callers, and a wrong credential is told', async () => {
    const { status, json } = await rig.request('/ga4gh/tes/v1/service-info');
    expect(status).toBe(200);
    expect(json).toEqual({
      id: 'org.example.bulkhead',
      name: 'B',
      organization: { name: 'O', url: 'https://example.org' },
      version: '0.1.0',
      type: { group: 'org.ga4gh', artifact: 'tes', version: '1.1.0' },
      tesResources_backend_parameters: expect.arrayContaining(['sandbox_profile', 'sandbox_network']),
    });
    expect((await rig.request('/service-info', { headers: as('ada') })).json).toMatchObject({
      storage: ['file:///data'],
    });
    expect(
      (await rig.request('/v1/service-info', { headers: { authorization: 'Bearer WRONG' } })).status,
    ).toBe(401);
  });

  test('health and the document of the API are for everybody', async () => {
    expect((await rig.request('/healthz')).json).toEqual({ status: 'ok' });
    expect((await rig.request('/openapi.json')).status).toBe(200);
  });

  test('with authentication a server may be called by any name', async () => {
    expect(await statusOf(rig, '/tasks', 'GET', { host: 'tes.example.org', ...as('ada') })).toBe(200);
  });
});

describe('web pages', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig({ cors: { origins: ['https://portal.example.org'] } });
  });
  afterAll(() => rig.close());
  const plain = { 'content-type': 'text/plain' };

  test('of another origin create and cancel nothing; the same request of no page does', async () => {
    const evil = { ...plain, origin: 'https://evil.example' };
    expect(await statusOf(rig, '/tasks', 'POST', evil, JSON.stringify(TASK))).toBe(403);
    expect(await statusOf(rig, '/tasks', 'POST', { ...plain, origin: 'null' }, JSON.stringify(TASK))).toBe(
      403,
    );
    expect((await rig.request('/tasks')).json).toEqual({ tasks: [] });
    expect(await statusOf(rig, '/tasks', 'POST', plain, JSON.stringify(TASK))).toBe(200);
    const id = await rig.create();
    expect(await statusOf(rig, `/tasks/${id}:cancel`, 'POST', evil)).toBe(403);
    expect((await rig.request(`/tasks/${id}`)).json).toMatchObject({ state: 'QUEUED' });
  });

  test('of the same origin, and of one that is configured, may call', async () => {
    const body = JSON.stringify(TASK);
    expect(await statusOf(rig, '/tasks', 'POST', { ...plain, origin: rig.address }, body)).toBe(200);
    expect(
      await statusOf(rig, '/tasks', 'POST', { ...plain, origin: 'https://portal.example.org' }, body),
    ).toBe(200);
  });

  test('reach nothing by a name of their own that means this machine', async () => {
    const port = String(rig.port);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      'localhost.evil.example',
    ]) {
      expect(await statusOf(rig, '/tasks', 'GET', { host })).toBe(403);
      expect(await statusOf(rig, '/service-info', 'GET', { host })).toBe(403);
      expect(
        await statusOf(rig, '/tasks', 'POST', { host, origin: `http://${host}` }, JSON.stringify(TASK)),
      ).toBe(403);
    }
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, '127.0.0.1']) {
      expect(await statusOf(rig, '/tasks', 'GET', { host })).toBe(200);
    }
  });

  test('are told what they may by CORS, where configured', async () => {
    const allowed = await preflight(rig, 'https://portal.example.org');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://portal.example.org');
    expect(allowed.headers.get('access-control-allow-headers')).toMatch(/authorization/i);
    expect(
      (await preflight(rig, 'https://evil.example')).headers.get('access-control-allow-origin'),
    ).toBeNull();
  });

  test('of every origin may call where * is configured, and none is told anything by default', async () => {
    const open = await startRig({ cors: { origins: ['*'] } });
    const closed = await startRig();
    try {
      const headers = { origin: 'https://a.example' };
      expect((await open.request('/tasks', { headers })).headers.get('access-control-allow-origin')).toBe(
        '*',
      );
      expect((await open.request('/tasks', { headers, body: TASK })).status).toBe(200);
      expect(
        (await closed.request('/tasks', { headers })).headers.get('access-control-allow-origin'),
      ).toBeNull();
      expect((await closed.request('/tasks', { headers, body: TASK })).status).toBe(403);
    } finally {
      await open.close();
      await closed.close();
    }
  });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRig } from './rig.ts';
import type { Rig } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

async function stateOf(id: string): Promise<unknown> {
  return (await rig.request(`/tasks/${id}`)).json.state;
}

test('a queued task is canceled at once, and canceling it again changes nothing', async () => {
  const id = await rig.create();
  for (let round = 0; round < 2; round += 1) {
    expect(await rig.request(`/ga4gh/tes/v1/tasks/${id}:cancel`, { method: 'POST' })).toMatchObject({
      status: 200,
      json: {},
    });
    expect(await stateOf(id)).toBe('CANCELED');
  }
  expect(rig.engine.canceled).not.toContain(id);
});

test('a running task is CANCELING until the engine says that everything is gone', async () => {
  const id = await rig.create();
  await rig.store.transition({ id, from: 'QUEUED', to: 'INITIALIZING', at: 1 });
  await rig.request(`/v1/tasks/${id}:cancel`, { method: 'POST' });
  expect(await stateOf(id)).toBe('CANCELING');
  expect(rig.engine.canceled).toContain(id);
});

test('a task that has ended stays as it is', async () => {
  const id = await rig.create();
  await rig.store.transition({ id, from: 'QUEUED', to: 'SYSTEM_ERROR', at: 1 });
  expect((await rig.request(`/tasks/${id}:cancel`, { method: 'POST' })).status).toBe(200);
  expect(await stateOf(id)).toBe('SYSTEM_ERROR');
});

test.each([
  ['no body', {}],
  ['an empty object', { body: {} }],
  ['malformed JSON', { body: '{"', headers: { 'content-type': 'application/json' } }],
  ['another type', { body: '<a/>', headers: { 'content-type': 'application/xml' } }],
  ['a malformed type', { body: 'x', headers: { 'content-type': '///;;' } }],
  ['a type without a body', { headers: { 'content-type': 'application/json' } }],
  [
    'a form',
    {
      body: new URLSearchParams({ a: 'b' }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    },
  ],
])('cancel with %s is 200', async (_what, request) => {
  const id = await rig.create();
  expect(await rig.request(`/tasks/${id}:cancel`, { method: 'POST', ...request })).toMatchObject({
    status: 200,
    json: {},
  });
  expect(await stateOf(id)).toBe('CANCELED');
});

test('the colon may be percent-encoded', async () => {
  const id = await rig.create();
  expect((await rig.request(`/tasks/${id}%3Acancel`, { method: 'POST' })).status).toBe(200);
  expect(await stateOf(id)).toBe('CANCELED');
});

test.each([
  'nope:cancel',
  ':cancel',
  'a%2Fb:cancel',
  '%00:cancel',
  "';--:cancel",
  `${'x'.repeat(2000)}:cancel`,
  'a:b:cancel',
])('an id that is unknown is 404: %s', async (segment) => {
  expect((await rig.request(`/tasks/${segment}`, { method: 'POST' })).status).toBe(404);
});

test('POST to a task without cancel is 405', async () => {
  const id = await rig.create();
  const answer = await rig.request(`/tasks/${id}`, { method: 'POST', body: '{"' });
  expect(answer.status).toBe(405);
  expect(answer.headers.get('allow')).toBe('GET');
  expect(await stateOf(id)).toBe('QUEUED');
});

/** Large bodies take turns: what they have in memory together has a bound, and nobody else waits for them. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { admit } from '../../src/policy/admission.ts';
import { admissionRequest } from '../doubles/site.ts';
import { until } from '../poll.ts';
import { startRig, TASK } from './rig.ts';
import type { Answer, Rig } from './rig.ts';

const BODY_BYTES = 64 * 1024;
const LARGE = { ...TASK, description: 'x'.repeat(BODY_BYTES - 1000) };
/** So many of these fit. */
const AT_ONCE = 4;

let rig: Rig;
let admitted: number;
let open: PromiseWithResolvers<void>;

beforeEach(async () => {
  admitted = 0;
  open = Promise.withResolvers();
  rig = await startRig({
    limits: { bodyBytes: BODY_BYTES },
    admit: async (document, principal) => {
      if (document.description !== undefined) {
        admitted += 1;
        await open.promise;
      }
      return admit(admissionRequest(document, principal));
    },
  });
});
afterEach(async () => {
  open.resolve();
  await rig.close();
});

const sendLarge = (): Promise<Answer> => rig.request('/tasks', { body: LARGE });

test('so many at once, then the next in turn; small ones and those without a body wait for none', async () => {
  const answers = Array.from({ length: 3 * AT_ONCE }, sendLarge);
  await until(() => admitted === AT_ONCE, { what: 'the first ones to be read' });
  expect((await rig.request('/tasks', { body: TASK })).status).toBe(200);
  expect((await rig.request('/tasks')).json.tasks).toHaveLength(1);
  expect((await rig.request('/tasks', { body: { ...LARGE, name: 'x'.repeat(2000) } })).status).toBe(413);
  expect(admitted).toBe(AT_ONCE);
  open.resolve();
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(answers.map(() => 200));
});

test('one of unknown length counts as the largest, and a client that goes away gives its room back', async () => {
  const sockets = Array.from({ length: AT_ONCE }, () => connect(rig.port, '127.0.0.1'));
  for (const socket of sockets) {
    await once(socket, 'connect');
    socket.write('POST /tasks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n');
  }
  // Let in before the next one is looked at.
  expect((await rig.request('/tasks', { body: TASK })).status).toBe(200);
  const answer = sendLarge();
  expect((await rig.request('/tasks', { body: TASK })).status).toBe(200);
  expect(admitted).toBe(0);
  for (const socket of sockets) socket.destroy();
  await until(() => admitted === 1, { what: 'the next one to be read' });
  open.resolve();
  expect((await answer).status).toBe(200);
});

/** Requests about one attempt, made all at once by a server that was taken over. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Warden } from '../../src/warden/warden.ts';
import { connectWarden, type RemoteWarden } from '../../src/warden/wire/remote.ts';
import { attemptOf, type ServedWarden, serveTestWarden } from './served-warden.ts';

let served: ServedWarden;
let server: RemoteWarden;
beforeAll(async () => {
  served = await serveTestWarden();
  server = await connectWarden(served.socket, () => {});
});
afterAll(async () => {
  await server.close();
  await served.close();
});

it('a container that is made while its attempt is closed isn’t there afterwards', async () => {
  await server.openAttempt(attemptOf('turns-1'));
  await Promise.allSettled([
    server.create({ attempt: 'turns-1', index: 0 }),
    server.start({ attempt: 'turns-1', index: 0 }),
    server.closeAttempt({ attempt: 'turns-1' }),
  ]);
  expect(await server.survey()).toEqual([]);
});

describe('an attempt that is closed while it is opened', () => {
  it('is closed when that is answered', async () => {
    await openedAndClosed('closed-1', server);
    expect(await server.survey()).toEqual([]);
  });

  it('control: without a turn, nothing was there yet to be closed, and it stands afterwards', async () => {
    await openedAndClosed('control-1', served.warden);
    expect(await server.survey()).not.toEqual([]);
    await server.closeAttempt({ attempt: 'control-1' });
    expect(await server.survey()).toEqual([]);
  });
});

it('a sweep waits for what is being made, and what is asked for later waits for the sweep', async () => {
  const opened = server.openAttempt(attemptOf('swept-1'));
  const swept = server.sweep({ attempts: [] });
  const created = server.create({ attempt: 'swept-1', index: 0 });
  const other = server.openAttempt(attemptOf('later-1'));
  const [, , refused] = await Promise.allSettled([opened, swept, created, other]);
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'not-found' } });
  expect(await server.hasDisk({ attempt: 'later-1' })).toBe(true);
  await server.closeAttempt({ attempt: 'later-1' });
});

async function openedAndClosed(attempt: string, warden: Pick<Warden, 'openAttempt' | 'closeAttempt'>) {
  await Promise.all([warden.openAttempt(attemptOf(attempt)), warden.closeAttempt({ attempt })]);
}

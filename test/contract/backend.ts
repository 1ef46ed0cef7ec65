/**
 * What every `Backend` does. An implementation calls `backendContract` in its own test with a function that opens
 * it; everything is opened once, so that an image is fetched once.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Attempt, Backend, Handle } from '../../src/backends/backend.ts';
import { GRADES } from '../../src/sandbox/sandbox.ts';
import { until } from '../poll.ts';
import { attemptOf, prepared, PROGRAMS } from './backend-samples.ts';
import type { BackendUnderTest } from './backend-samples.ts';
import { stagingContract } from './backend-staging.ts';

type Program = keyof typeof PROGRAMS;

export function backendContract(name: string, open: () => Promise<BackendUnderTest>): void {
  describe(`${name} as a backend`, () => {
    let opened: BackendUnderTest;
    let backend: Backend;
    beforeAll(async () => {
      opened = await open();
      backend = opened.backend;
    });
    afterAll(async () => await opened.close());

    /** Runs the test on a prepared attempt, and releases it whatever happens. */
    async function withAttempt(
      programs: readonly Program[],
      use: (handle: Handle, attempt: Attempt) => Promise<void>,
    ): Promise<void> {
      const attempt = attemptOf(
        opened.image,
        programs.map((program) => PROGRAMS[program]),
        { volumes: ['/shared'] },
      );
      const handle = await prepared(backend, attempt);
      try {
        await use(handle, attempt);
      } finally {
        await backend.kill(handle, 'system-error');
        await backend.release(handle);
      }
    }

    async function text(
      handle: Handle,
      stream: 'stdout' | 'stderr',
      offset = 0,
      maxBytes = 1000,
    ): Promise<string> {
      return Buffer.from(await backend.readLog(handle, 0, stream, offset, maxBytes)).toString();
    }

    test('has room for something', async () => {
      const { cpuCores, diskBytes, memoryBytes, slots } = await backend.capacity();
      for (const amount of [cpuCores, diskBytes, memoryBytes, slots]) expect(amount).toBeGreaterThan(0);
    });

    describe('an executor', () => {
      test.each<[Program, number]>([
        ['succeed', 0],
        ['failWith3', 3],
        ['notExecutable', 126],
        ['notFound', 127],
        ['killItself', 137],
        ['terminateItself', 143],
      ])('%s ends with %i', async (program, exitCode) => {
        await withAttempt([program], async (handle, attempt) => {
          await backend.start(handle, attempt, 0);
          const exit = await backend.wait(handle, attempt, 0);
          expect(exit).toMatchObject({ exitCode });
          expect(exit.startedAt).toBeLessThanOrEqual(exit.endedAt);
        });
      });

      test('starts with evidence', async () => {
        await withAttempt(['succeed'], async (handle, attempt) => {
          const evidence = await backend.start(handle, attempt, 0);
          expect(GRADES).toContain(evidence.grade);
          expect(evidence.configSha256).toMatch(/^[0-9a-f]{64}$/u);
          expect(evidence.imageDigest).toMatch(/^sha256:[0-9a-f]{64}$/u);
          expect(evidence.runtime).not.toBe('');
        });
      });

      test('has ended only when what it left behind is dead', async () => {
        await withAttempt(['leaveBehind'], async (handle, attempt) => {
          await backend.start(handle, attempt, 0);
          expect(await backend.wait(handle, attempt, 0)).toMatchObject({ exitCode: 4 });
        });
      });

      test('follows another, and finds what it left on a volume', async () => {
        await withAttempt(['writeShared', 'readShared'], async (handle, attempt) => {
          for (const index of [0, 1]) {
            await backend.start(handle, attempt, index);
            expect(await backend.wait(handle, attempt, index)).toMatchObject({ exitCode: 0 });
          }
          expect((await backend.wait(handle, attempt, 1)).stdout).toBe('shared\n');
        });
      });

      test('that was never started is not found', async () => {
        await withAttempt(['succeed', 'succeed'], async (handle, attempt) => {
          await expect(backend.wait(handle, attempt, 0)).rejects.toMatchObject({ code: 'not-found' });
          expect(await backend.started(handle, 0)).toBeUndefined();
          const evidence = await backend.start(handle, attempt, 0);
          const { startedAt } = await backend.wait(handle, attempt, 0);
          expect(await backend.started(handle, 0)).toEqual({ at: startedAt, evidence });
          expect(await backend.started(handle, 1)).toBeUndefined();
          await expect(backend.wait(handle, attempt, 1)).rejects.toMatchObject({ code: 'not-found' });
        });
      });

      test('is waited for more than once', async () => {
        await withAttempt(['speak'], async (handle, attempt) => {
          await backend.start(handle, attempt, 0);
          const [first, second] = await Promise.all([
            backend.wait(handle, attempt, 0),
            backend.wait(handle, attempt, 0),
          ]);
          expect(first).toMatchObject({ exitCode: 0, stdout: 'abcdef', stderr: 'ghi' });
          expect(second).toEqual(first);
          expect(await backend.wait(handle, attempt, 0)).toEqual(first);
        });
      });

      test('is not started a second time', async () => {
        await withAttempt(['speak'], async (handle, attempt) => {
          const evidence = await backend.start(handle, attempt, 0);
          await backend.wait(handle, attempt, 0);
          expect(await backend.start(handle, attempt, 0)).toEqual(evidence);
          expect(await backend.wait(handle, attempt, 0)).toMatchObject({ exitCode: 0, stdout: 'abcdef' });
          expect(await text(handle, 'stdout')).toBe('abcdef');
        });
      });
    });

    describe('kill', () => {
      test.each(['canceled', 'wall-time', 'system-error'] as const)(
        'for %s ends what runs with 137',
        async (reason) => {
          await withAttempt(['runOn', 'succeed'], async (handle, attempt) => {
            await backend.start(handle, attempt, 0);
            const exit = backend.wait(handle, attempt, 0);
            await backend.kill(handle, reason);
            expect(await exit).toMatchObject({ exitCode: 137 });
            await expect(backend.start(handle, attempt, 1)).rejects.toMatchObject({ code: 'canceled' });
          });
        },
      );

      test('before the start is for good', async () => {
        await withAttempt(['succeed'], async (handle, attempt) => {
          await backend.kill(handle, 'canceled');
          await expect(backend.start(handle, attempt, 0)).rejects.toMatchObject({ code: 'canceled' });
          await expect(backend.wait(handle, attempt, 0)).rejects.toMatchObject({ code: 'not-found' });
        });
      });

      test('at the same time as the start leaves nothing that runs', async () => {
        await withAttempt(['runOn'], async (handle, attempt) => {
          const [started] = await Promise.allSettled([
            backend.start(handle, attempt, 0),
            backend.kill(handle, 'canceled'),
          ]);
          if (started.status === 'fulfilled') {
            expect(await backend.wait(handle, attempt, 0)).toMatchObject({ exitCode: 137 });
          } else {
            expect(started.reason).toMatchObject({ code: 'canceled' });
          }
        });
      });

      test('may be repeated, also after the end, and changes no exit code', async () => {
        await withAttempt(['failWith3'], async (handle, attempt) => {
          await backend.start(handle, attempt, 0);
          await backend.wait(handle, attempt, 0);
          await backend.kill(handle, 'canceled');
          await backend.kill(handle, 'canceled');
          expect(await backend.wait(handle, attempt, 0)).toMatchObject({ exitCode: 3 });
        });
      });
    });

    describe('logs', () => {
      test('are read from an offset, up to a size', async () => {
        await withAttempt(['speak'], async (handle, attempt) => {
          await backend.start(handle, attempt, 0);
          await backend.wait(handle, attempt, 0);
          expect(await text(handle, 'stdout', 2, 3)).toBe('cde');
          expect(await text(handle, 'stdout', 4)).toBe('ef');
          expect(await text(handle, 'stdout', 6)).toBe('');
          expect(await text(handle, 'stdout', 1000)).toBe('');
          expect(await text(handle, 'stderr')).toBe('ghi');
          expect(await backend.readLog(handle, 7, 'stdout', 0, 10)).toHaveLength(0);
        });
      });

      test('are read while the executor runs', async () => {
        await withAttempt(['speakAndRunOn'], async (handle, attempt) => {
          expect(await text(handle, 'stdout')).toBe('');
          await backend.start(handle, attempt, 0);
          await until(async () => (await text(handle, 'stdout')) === 'early\n', {
            timeoutMs: 10_000,
            what: 'the first line',
          });
        });
      });

      test('outlive the release', async () => {
        await withAttempt(['speak'], async (handle, attempt) => {
          await backend.start(handle, attempt, 0);
          await backend.wait(handle, attempt, 0);
          await backend.release(handle);
          expect(await text(handle, 'stdout')).toBe('abcdef');
        });
      });
    });

    test('release may be repeated, and comes also where nothing was started', async () => {
      await withAttempt(['succeed'], async (handle) => {
        await backend.release(handle);
        await backend.release(handle);
      });
    });

    test('prepare ends with canceled where it is aborted', async () => {
      const attempt = attemptOf(opened.image, [PROGRAMS.succeed]);
      const aborted = backend.prepare(attempt, () => undefined, AbortSignal.abort());
      await expect(aborted).rejects.toMatchObject({ code: 'canceled' });
    });

    stagingContract(() => opened);

    describe('after a restart', () => {
      test('an executor that ran on is found, killed and its logs read', async () => {
        await withAttempt(['speakAndRunOn'], async (handle, attempt) => {
          await backend.start(handle, attempt, 0);
          backend = await opened.reopen();
          const exit = backend.wait(kept(handle), attempt, 0);
          await until(async () => (await text(kept(handle), 'stdout')) === 'early\n', {
            timeoutMs: 10_000,
            what: 'the first line',
          });
          await backend.kill(kept(handle), 'canceled');
          expect(await exit).toMatchObject({ exitCode: 137 });
        });
      });

      test('an executor that ended is found with its exit code, and not started again', async () => {
        await withAttempt(['failWith3', 'succeed'], async (handle, attempt) => {
          await backend.start(handle, attempt, 0);
          await backend.wait(handle, attempt, 0);
          backend = await opened.reopen();
          await backend.start(kept(handle), attempt, 0);
          expect(await backend.wait(kept(handle), attempt, 0)).toMatchObject({ exitCode: 3 });
          await expect(backend.wait(kept(handle), attempt, 1)).rejects.toMatchObject({ code: 'not-found' });
          await backend.start(kept(handle), attempt, 1);
          expect(await backend.wait(kept(handle), attempt, 1)).toMatchObject({ exitCode: 0 });
        });
      });

      test('a kill still holds', async () => {
        await withAttempt(['succeed'], async (handle, attempt) => {
          await backend.kill(handle, 'canceled');
          backend = await opened.reopen();
          await expect(backend.start(kept(handle), attempt, 0)).rejects.toMatchObject({ code: 'canceled' });
        });
      });

      test('sweep ends what it doesn’t know, and leaves what it knows', async () => {
        await withAttempt(['runOn'], async (unknown, forgotten) => {
          await withAttempt(['speakAndRunOn'], async (known, attempt) => {
            await backend.start(unknown, forgotten, 0);
            await backend.start(known, attempt, 0);
            backend = await opened.reopen();
            await backend.sweep([kept(known)]);
            await expect(backend.start(kept(unknown), forgotten, 0)).rejects.toThrow();
            const exit = backend.wait(kept(known), attempt, 0);
            await until(async () => (await text(known, 'stdout')) === 'early\n', {
              timeoutMs: 10_000,
              what: 'the known one to go on',
            });
            await backend.kill(known, 'canceled');
            expect(await exit).toMatchObject({ exitCode: 137 });
          });
        });
      });
    });
  });
}

/** As the store keeps it. */
function kept(handle: Handle): Handle {
  const copy: Handle = JSON.parse(JSON.stringify(handle));
  expect(copy).toEqual(handle);
  return copy;
}

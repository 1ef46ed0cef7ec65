import { expect, it } from 'vitest';

import { SharedWork } from './shared-work.ts';

function setup(): {
  run: (signal?: AbortSignal, heard?: string[]) => Promise<string>;
  works: {
    finish: (value: string) => void;
    fail: (error: Error) => void;
    tell: (message: string) => void;
    signal: AbortSignal;
  }[];
} {
  const shared = new SharedWork<string>();
  const works: ReturnType<typeof setup>['works'] = [];
  return {
    works,
    run: (signal = new AbortController().signal, heard = []) =>
      shared.run(
        'key',
        (tell, workSignal) => {
          const { promise, resolve, reject } = Promise.withResolvers<string>();
          works.push({ finish: resolve, fail: reject, tell, signal: workSignal });
          return promise;
        },
        (message) => heard.push(message),
        signal,
      ),
  };
}

it('is done once for all who wait, and told to all', async () => {
  const { run, works } = setup();
  const [one, two]: [string[], string[]] = [[], []];
  const both = [run(undefined, one), run(undefined, two)];
  works[0]?.tell('half');
  works[0]?.finish('done');
  expect(await Promise.all(both)).toEqual(['done', 'done']);
  expect([works.length, one, two]).toEqual([1, ['half'], ['half']]);
});

it('is done again once it has ended, well or not', async () => {
  const { run, works } = setup();
  const first = run();
  works[0]?.fail(new Error('no'));
  await expect(first).rejects.toThrow('no');
  const second = run();
  works[1]?.finish('done');
  expect(await second).toBe('done');
});

it('one who leaves takes nobody along', async () => {
  const { run, works } = setup();
  const controller = new AbortController();
  const [leaver, stayer] = [run(controller.signal), run()];
  controller.abort();
  await expect(leaver).rejects.toMatchObject({ code: 'canceled' });
  expect(works[0]?.signal.aborted).toBe(false);
  works[0]?.finish('done');
  expect(await stayer).toBe('done');
});

it('is aborted when the last one leaves, and nobody joins it after', async () => {
  const { run, works } = setup();
  const controller = new AbortController();
  const leavers = [run(controller.signal), run(controller.signal)];
  controller.abort();
  for (const leaver of leavers) await expect(leaver).rejects.toMatchObject({ code: 'canceled' });
  expect(works[0]?.signal.aborted).toBe(true);
  const next = run();
  works[0]?.fail(new Error('aborted'));
  works[1]?.finish('done');
  expect(await next).toBe('done');
});

it('does not begin for one who has left already', async () => {
  const { run, works } = setup();
  await expect(run(AbortSignal.abort())).rejects.toMatchObject({ code: 'canceled' });
  expect(works).toEqual([]);
});

/** Holders that claim, write, sleep too long and take over, at random, beside a model. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { isActive, isLegalTransition, type TesState } from '../../src/tes/states.ts';
import { fullAttempt, newTask } from './store-samples.ts';

const LONG_MS = 3_600_000;
const HOLDERS = ['one', 'two', 'three'] as const;
const TASKS = 3;

interface ModelTask {
  readonly id: string;
  state: TesState;
  lease: { token: number; holder: string; isOver: boolean } | undefined;
}

const pick = { task: fc.nat(TASKS - 1), holder: fc.constantFrom(...HOLDERS) };
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('claim' as const), isShort: fc.boolean(), ...pick }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      to: fc.constantFrom('RUNNING' as const, 'COMPLETE' as const, 'QUEUED' as const),
      /** Which of the tokens that were given: 0 is the latest. */
      age: fc.nat(3),
      ...pick,
    }),
  },
  fc.record({ kind: fc.constant('save' as const), age: fc.nat(3), ...pick }),
  fc.record({ kind: fc.constant('renew' as const), isShort: fc.boolean(), ...pick }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const), own: fc.boolean(), ...pick }) },
  fc.record({ kind: fc.constant('cancel' as const), ...pick }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

export function storeLeaseModelContract(open: () => Promise<Store>): void {
  test('at most one token of a task writes, whatever holders do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        const store = await open();
        try {
          await follow(store, steps);
        } finally {
          await store.close();
        }
      }),
      { numRuns: 40 },
    );
  });
}

async function follow(store: Store, steps: readonly Step[]): Promise<void> {
  const tasks: ModelTask[] = [];
  for (let count = 0; count < TASKS; count += 1) {
    const task = newTask();
    await store.create(task);
    tasks.push({ id: task.id, state: 'QUEUED', lease: undefined });
  }
  /** Every token that was given, the latest last. */
  const given: number[] = [];
  for (const next of steps) {
    const known = tasks[next.task];
    if (known === undefined) continue;
    if (next.kind === 'take') await take(store, tasks, given, next);
    else await one(store, known, given, next);
  }
  for (const { id, state } of tasks)
    expect(await store.get(id, { view: 'MINIMAL' })).toMatchObject({ state });
}

type StepOf<K extends Step['kind']> = Extract<Step, { kind: K }>;

async function one(
  store: Store,
  known: ModelTask,
  given: number[],
  next: Exclude<Step, { kind: 'take' }>,
): Promise<void> {
  const { id } = known;
  if (next.kind === 'claim') await claim(store, known, given, next);
  else if (next.kind === 'renew') await renew(store, known, next.isShort);
  else if (next.kind === 'cancel') {
    const { after } = (await store.cancel(id, { at: 1 })) ?? {};
    known.state = after ?? known.state;
  } else {
    const token = given.at(-1 - next.age);
    const mayWrite = known.lease?.token === token;
    if (next.kind === 'save') {
      const saving = store.saveAttempt(id, fullAttempt(), token);
      await (mayWrite ? saving : expect(saving).rejects.toMatchObject({ code: 'fenced' }));
    } else await write(store, known, next.to, token, mayWrite);
  }
}

async function claim(
  store: Store,
  known: ModelTask,
  given: number[],
  { holder, isShort }: StepOf<'claim'>,
): Promise<void> {
  const leaseMs = isShort ? 0 : LONG_MS;
  const answer = await store.claim({ id: known.id, at: 1, holder, leaseMs, attempt: fullAttempt() });
  const isOwn = known.lease?.holder === holder && ['INITIALIZING', 'CANCELING'].includes(known.state);
  if (known.state === 'QUEUED') {
    expect(answer).toEqual({ token: expect.any(Number), state: 'INITIALIZING' });
    known.state = 'INITIALIZING';
    known.lease = { token: newest(given, answer?.token), holder, isOver: isShort };
  } else expect(answer).toEqual(isOwn ? { token: known.lease?.token, state: known.state } : undefined);
}

async function renew(store: Store, known: ModelTask, isShort: boolean): Promise<void> {
  const tokens = known.lease === undefined ? [] : [known.lease.token];
  const renewed = await store.renew({ tokens, leaseMs: isShort ? 0 : LONG_MS });
  expect(renewed).toEqual(tokens.map((token) => ({ token, state: known.state })));
  if (known.lease !== undefined) known.lease.isOver = isShort;
}

async function write(
  store: Store,
  known: ModelTask,
  to: TesState,
  token: number | undefined,
  mayWrite: boolean,
): Promise<void> {
  const { id, state: from } = known;
  if (!isLegalTransition(from, to)) return;
  const change = { id, from, to, at: 1, ...(token === undefined ? {} : { token }) };
  if (mayWrite) {
    expect(await store.transition(change)).toBe(true);
    known.state = to;
    if (!isActive(to)) known.lease = undefined;
  } else await expect(store.transition(change)).rejects.toMatchObject({ code: 'fenced' });
}

async function take(
  store: Store,
  tasks: readonly ModelTask[],
  given: number[],
  { holder, own }: StepOf<'take'>,
): Promise<void> {
  const free = tasks.filter(
    ({ lease, state }) =>
      isActive(state) && (lease === undefined || lease.isOver || (own && lease.holder === holder)),
  );
  const taken = await store.takeOver({ holder, leaseMs: LONG_MS, own });
  expect(taken.map(({ id }) => id)).toEqual(free.map(({ id }) => id));
  for (const [index, known] of free.entries())
    known.lease = { token: newest(given, taken[index]?.token), holder, isOver: false };
}

/** Remembers a token, which must be higher than every one before. */
function newest(given: number[], token = -1): number {
  expect(token).toBeGreaterThan(given.at(-1) ?? 0);
  given.push(token);
  return token;
}

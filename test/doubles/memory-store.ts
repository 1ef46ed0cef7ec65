/** A `Store` in memory, for tests of what stands on one. It runs the same contract suite as every store. */
import { isDeepStrictEqual } from 'node:util';
import { BulkheadError } from '../../src/errors.ts';
import type {
  AttemptRecord,
  Claim,
  Claimed,
  LeasedTask,
  ListQuery,
  NewTask,
  Renewal,
  Store,
  TakeOver,
  TaskEvent,
  TaskRecord,
  Transition,
} from '../../src/store/store.ts';
import { isActive, isLegalTransition, isTerminal } from '../../src/tes/states.ts';
import type { TesState } from '../../src/tes/states.ts';
import type { TesView } from '../../src/tes/task.ts';

interface Entry {
  readonly sequence: number;
  readonly task: NewTask;
  state: TesState;
  endedAt: number | null;
  attempts: readonly AttemptRecord[];
  lease?: Lease | undefined;
  readonly events: TaskEvent[];
}

interface Lease {
  readonly token: number;
  readonly holder: string;
  expiresAt: number;
}

/** `now` is the clock by which leases expire, in milliseconds. */
export function openMemoryStore(now: () => number = Date.now): Store {
  const entries = new Map<string, Entry>();
  let sequence = 0;
  let lastToken = 0;
  let isClosed = false;

  function owned(id: string, owner: string | undefined): Entry | undefined {
    const entry = entries.get(id);
    return owner === undefined || entry?.task.owner === owner ? entry : undefined;
  }

  function create(given: NewTask): { id: string; replayed: boolean } {
    const task = structuredClone(given);
    const { createdAt, id, idempotencyKey, owner } = task;
    const first = [...entries.values()].find(
      (entry) =>
        idempotencyKey !== undefined &&
        entry.task.owner === owner &&
        entry.task.idempotencyKey === idempotencyKey,
    );
    if (first !== undefined) {
      if (isDeepStrictEqual(first.task.document, task.document)) return { id: first.task.id, replayed: true };
      throw new BulkheadError(
        'conflict',
        `the idempotency key became task ${first.task.id}, from another document`,
      );
    }
    if (entries.has(id)) throw new BulkheadError('internal', `there is a task ${id} already`);
    const event: TaskEvent = { at: createdAt, from: null, to: 'QUEUED', reason: null };
    sequence += 1;
    entries.set(id, { sequence, task, state: 'QUEUED', endedAt: null, attempts: [], events: [event] });
    return { id, replayed: false };
  }

  function leased(entry: Entry, holder: string, leaseMs: number): number {
    lastToken += 1;
    entry.lease = { token: lastToken, holder, expiresAt: now() + leaseMs };
    return lastToken;
  }

  function claim({ at, attempt, holder, id, leaseMs }: Claim): Claimed | undefined {
    const entry = entries.get(id);
    if (entry?.state !== 'QUEUED') {
      const isOwn = entry?.lease?.holder === holder && ['INITIALIZING', 'CANCELING'].includes(entry.state);
      return isOwn && entry.lease ? { token: entry.lease.token, state: entry.state } : undefined;
    }
    transition({ id, from: 'QUEUED', to: 'INITIALIZING', at, attempt });
    return { token: leased(entry, holder, leaseMs), state: entry.state };
  }

  function renew({ leaseMs, tokens }: Renewal): Claimed[] {
    return [...entries.values()].flatMap(({ lease, state }) => {
      if (lease === undefined || !tokens.includes(lease.token)) return [];
      lease.expiresAt = now() + leaseMs;
      return [{ token: lease.token, state }];
    });
  }

  function takeOver({ holder, leaseMs, own }: TakeOver): LeasedTask[] {
    return [...entries.values()]
      .filter(
        ({ lease, state }) =>
          isActive(state) &&
          (lease === undefined || lease.expiresAt <= now() || (own && lease.holder === holder)),
      )
      .map((entry) => ({ id: entry.task.id, token: leased(entry, holder, leaseMs) }));
  }

  function refuseFenced(entry: Entry | undefined, token: number | undefined): void {
    if (entry !== undefined && entry.lease?.token !== token)
      throw new BulkheadError('fenced', `token ${token}, and the lease has ${entry.lease?.token}`);
  }

  function transition({ at, attempt, from, id, reason, to, token }: Transition): boolean {
    if (!isLegalTransition(from, to))
      throw new BulkheadError('internal', `a task can't go from ${from} to ${to}`);
    const entry = entries.get(id);
    refuseFenced(entry, token);
    if (entry?.state !== from) return false;
    entry.state = to;
    if (!isActive(to)) entry.lease = undefined;
    entry.endedAt = isTerminal(to) ? at : null;
    entry.events.push({ at, from, to, reason: reason ?? null });
    if (attempt !== undefined) put(entry, attempt);
    return true;
  }

  function cancel(
    id: string,
    owner: string | undefined,
    at: number,
  ): { before: TesState; after: TesState } | undefined {
    const entry = owned(id, owner);
    if (entry === undefined) return undefined;
    const before = entry.state;
    const to = (['CANCELED', 'CANCELING'] as const).find(
      (state) => before !== 'CANCELING' && isLegalTransition(before, state),
    );
    if (to !== undefined) {
      const lease = entry.lease === undefined ? {} : { token: entry.lease.token };
      transition({ id, from: before, to, at, reason: 'a cancel was asked for', ...lease });
    }
    return { before, after: entry.state };
  }

  function saveAttempt(id: string, given: AttemptRecord, token: number | undefined): void {
    const entry = entries.get(id);
    if (entry === undefined) throw new BulkheadError('not-found', `there is no task ${id}`);
    refuseFenced(entry, token);
    put(entry, given);
  }

  function put(entry: Entry, given: AttemptRecord): void {
    const attempt = structuredClone(given);
    const others = entry.attempts.filter(({ number }) => number !== attempt.number);
    entry.attempts = [...others, attempt].toSorted((a, b) => a.number - b.number);
  }

  function list(query: ListQuery): { tasks: TaskRecord[]; nextPageToken?: string } {
    if (!Number.isInteger(query.pageSize) || query.pageSize < 1 || query.pageSize > 2047)
      throw invalid('/page_size', `is ${query.pageSize}`);
    const matching = [...entries.values()].filter((entry) => matches(entry, query)).toReversed();
    const page = matching
      .filter((entry) => entry.sequence < firstBelow(query.pageToken))
      .slice(0, query.pageSize + 1);
    const tasks = page.slice(0, query.pageSize).map((entry) => toRecord(entry, query.view));
    const last = tasks.at(-1);
    return page.length > tasks.length && last !== undefined
      ? { tasks, nextPageToken: `before-${last.sequence}` }
      : { tasks };
  }

  function purge(endedBefore: number, limit: number): string[] {
    const ended = [...entries.values()]
      .flatMap(({ endedAt, task }) =>
        endedAt !== null && endedAt < endedBefore ? [{ endedAt, id: task.id }] : [],
      )
      .toSorted((a, b) => a.endedAt - b.endedAt);
    const ids = ended.slice(0, limit).map(({ id }) => id);
    for (const id of ids) entries.delete(id);
    return ids;
  }

  function counts(): Partial<Record<TesState, number>> {
    const all: Partial<Record<TesState, number>> = {};
    for (const { state } of entries.values()) all[state] = (all[state] ?? 0) + 1;
    return all;
  }

  /** Done at once, as one step, like a transaction; told later, like all that waits for a disk. */
  async function answer<T>(operation: () => T): Promise<T> {
    if (isClosed) throw new BulkheadError('store', 'the store was closed');
    const result = operation();
    await Promise.resolve();
    return result;
  }

  return {
    create: (task) => answer(() => create(task)),
    get: (id, { owner, view }) =>
      answer(() => {
        const entry = owned(id, owner);
        return entry === undefined ? undefined : toRecord(entry, view);
      }),
    list: (query) => answer(() => list(query)),
    cancel: (id, { at, owner }) => answer(() => cancel(id, owner, at)),
    transition: (change) => answer(() => transition(change)),
    claim: (given) => answer(() => claim(given)),
    saveAttempt: (id, attempt, token) => answer(() => saveAttempt(id, attempt, token)),
    renew: (renewal) => answer(() => renew(renewal)),
    takeOver: (taking) => answer(() => takeOver(taking)),
    queued: ({ afterSequence = 0, limit }) =>
      answer(() =>
        [...entries.values()]
          .filter((entry) => entry.state === 'QUEUED' && entry.sequence > afterSequence)
          .slice(0, limit)
          .map((entry) => ({
            id: entry.task.id,
            sequence: entry.sequence,
            createdAt: entry.task.createdAt,
            sandbox: entry.task.sandbox,
          })),
      ),
    active: () =>
      answer(() =>
        [...entries.values()].filter(({ state }) => isActive(state)).map((entry) => toRecord(entry, 'FULL')),
      ),
    events: (id) => answer(() => [...(entries.get(id)?.events ?? [])]),
    counts: () => answer(counts),
    purge: ({ endedBefore, limit }) => answer(() => purge(endedBefore, limit)),
    close: async () => {
      isClosed = true;
    },
  };
}

function matches({ state, task }: Entry, query: ListQuery): boolean {
  const { name = '', tags = {} } = task.document;
  const wellFormed = new Map(
    Object.entries(tags).map(([key, value]) => [key.toWellFormed(), value.toWellFormed()]),
  );
  return (
    (query.owner === undefined || task.owner === query.owner) &&
    (query.state === undefined || state === query.state) &&
    (query.namePrefix === undefined || name.toWellFormed().startsWith(query.namePrefix.toWellFormed())) &&
    (query.tags ?? []).every(({ key, value }) => {
      const found = wellFormed.get(key.toWellFormed());
      return found !== undefined && (value === '' || found === value.toWellFormed());
    })
  );
}

function firstBelow(pageToken: string | undefined): number {
  if (pageToken === undefined) return Infinity;
  const token = /^before-([1-9][0-9]{0,14})$/u.exec(pageToken);
  if (token !== null) return Number(token[1]);
  throw invalid('/page_token', 'is none that this server gave');
}

function invalid(field: string, problem: string): BulkheadError {
  return new BulkheadError('invalid', `${field} ${problem}`, { fields: [{ field, problem }] });
}

function toRecord({ attempts, sequence, state, task }: Entry, view: TesView): TaskRecord {
  const { idempotencyKey: _key, ...rest } = task;
  const record: TaskRecord = {
    ...structuredClone(rest),
    sequence,
    state,
    attempts: structuredClone(attempts),
  };
  if (view === 'FULL') return record;
  if (view === 'MINIMAL') return { ...record, document: { executors: [] }, attempts: [] };
  const { inputs } = record.document;
  const slim = inputs?.map(({ content: _content, ...input }) => input);
  return {
    ...record,
    document: slim === undefined ? record.document : { ...record.document, inputs: slim },
    attempts: record.attempts.map((attempt) => ({
      ...attempt,
      systemLogs: [],
      executors: attempt.executors.map(({ stdout: _stdout, stderr: _stderr, ...executor }) => executor),
    })),
  };
}

import { BulkheadError } from '../../errors.ts';
import type { ListQuery, Store } from '../store.ts';
import { Channel } from './channel.ts';
import type { ListInput, ReadOperations, WriteOperations } from './messages.ts';
import { fromPageToken, toPageToken } from './page-token.ts';
import { toAttemptInput, toCreateInput, toQueuedTask, toTaskRecords } from './record.ts';

export interface SqliteStoreOptions {
  /** The database file; its folder must exist. */
  readonly path: string;
  /** How long a statement waits for a lock that another program holds, in milliseconds; 5,000 by default. */
  readonly busyTimeoutMs?: number;
  /** The most that each of the two threads may use for its objects, in MiB; by default, what Node chooses. */
  readonly heapMegabytes?: number;
  /**
   * Told once where a thread ended though nobody closed it. Whatever is asked from then on is rejected with the same
   * error: only another store on the file helps.
   */
  readonly onDeath?: (error: BulkheadError) => void;
}

/**
 * A store in one SQLite file, on two threads beside the caller's: one writes, with all that has arrived in one
 * commit, and one reads, so that lists and writes don't wait for each other. Throws `store-locked`,
 * `store-read-only`, `store-newer`, `store`.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, busyTimeoutMs = 5_000, heapMegabytes } = options;
  const channels: { fail(error: BulkheadError): void }[] = [];
  let isDead = false;
  const threadOptions = {
    ...(heapMegabytes === undefined ? {} : { heapMegabytes }),
    // Half a store is none: a server that can't write, or can't read, must say so at once.
    onDeath: (error: BulkheadError) => {
      if (isDead) return;
      isDead = true;
      for (const channel of channels) channel.fail(error);
      options.onDeath?.(error);
    },
  };
  const writer = await Channel.open<WriteOperations>({ role: 'writer', path, busyTimeoutMs }, threadOptions);
  channels.push(writer);
  const closed = new BulkheadError('store', `The store ${path} was closed.`);
  try {
    const reader = await Channel.open<ReadOperations>({ role: 'reader', path, busyTimeoutMs }, threadOptions);
    channels.push(reader);
    return compose(writer, reader, closed);
  } catch (error) {
    await writer.close(closed);
    throw error;
  }
}

function compose(
  writer: Channel<WriteOperations>,
  reader: Channel<ReadOperations>,
  closed: BulkheadError,
): Store {
  return {
    async create(task) {
      return writer.call('create', toCreateInput(task));
    },
    async get(id, { owner, view }) {
      const row = await reader.call('get', { id, view, ...(owner === undefined ? {} : { owner }) });
      return toTaskRecords(row === undefined ? [] : [row])[0];
    },
    async list(query) {
      const { tasks, nextBefore } = await reader.call('list', toListInput(query));
      return {
        tasks: toTaskRecords(tasks),
        ...(nextBefore === undefined ? {} : { nextPageToken: toPageToken(nextBefore) }),
      };
    },
    async cancel(id, { owner, at }) {
      return writer.call('cancel', { id, at, ...(owner === undefined ? {} : { owner }) });
    },
    async transition({ attempt, ...change }) {
      return writer.call('transition', {
        ...change,
        ...(attempt === undefined ? {} : { attempt: toAttemptInput(attempt) }),
      });
    },
    async saveAttempt(id, attempt, token) {
      await writer.call('saveAttempt', {
        id,
        attempt: toAttemptInput(attempt),
        ...(token === undefined ? {} : { token }),
      });
    },
    async claim({ attempt, ...claim }) {
      return writer.call('claim', { ...claim, attempt: toAttemptInput(attempt), now: Date.now() });
    },
    async renew(renewal) {
      return writer.call('renew', { ...renewal, now: Date.now() });
    },
    async takeOver(taking) {
      return writer.call('takeOver', { ...taking, now: Date.now() });
    },
    async queued({ limit, afterSequence = 0 }) {
      return (await reader.call('queued', { limit, afterSequence })).map(toQueuedTask);
    },
    async active() {
      return toTaskRecords(await reader.call('active', undefined));
    },
    async events(id) {
      return reader.call('events', { id });
    },
    async counts() {
      const rows = await reader.call('counts', undefined);
      return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
    },
    async purge(options) {
      return writer.call('purge', options);
    },
    async close() {
      // The writer last: the last connection moves the log into the database.
      await reader.close(closed);
      await writer.close(closed);
    },
  };
}

const MAX_PAGE_SIZE = 2047;
const MAX_TAGS = 64;

/** Throws `invalid`, naming the parameter, for a query that can't be meant. */
function toListInput(query: ListQuery): ListInput {
  const { owner, view, namePrefix, state, pageSize, pageToken, tags = [] } = query;
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > MAX_PAGE_SIZE) {
    throw invalid('/page_size', `is ${pageSize}, and must be a whole number from 1 to ${MAX_PAGE_SIZE}`);
  }
  if (tags.length > MAX_TAGS) {
    throw invalid('/tag_key', `is given ${tags.length} times, and may be ${MAX_TAGS} times`);
  }
  return {
    view,
    limit: pageSize,
    before: pageToken === undefined ? Number.MAX_SAFE_INTEGER : fromPageToken(pageToken),
    tags: tags.map(({ key, value }) => ({ key: key.toWellFormed(), value: value.toWellFormed() })),
    ...(owner === undefined ? {} : { owner }),
    ...(state === undefined ? {} : { state }),
    ...(namePrefix === undefined || namePrefix === '' ? {} : { namePrefix }),
  };
}

function invalid(field: string, problem: string): BulkheadError {
  return new BulkheadError('invalid', `${field.slice(1)} ${problem}.`, { fields: [{ field, problem }] });
}

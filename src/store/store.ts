import type { Evidence, Sandbox } from '../sandbox/sandbox.ts';
import type { TesState } from '../tes/states.ts';
import type { TesTaskDocument, TesView } from '../tes/task.ts';

/**
 * Where all state lives. Every write is durable when its promise resolves. Implementations run the contract
 * suite in `test/contract/store.ts`.
 */
export interface Store {
  /** Stores a QUEUED task. With a known idempotency key of the same owner and equal document, answers the first one. Throws `conflict` where the document differs. */
  create(task: NewTask): Promise<{ id: string; replayed: boolean }>;
  /** Undefined where the id is unknown or, with `owner` given, belongs to somebody else. */
  get(id: string, options: { owner?: string; view: TesView }): Promise<TaskRecord | undefined>;
  list(query: ListQuery): Promise<TaskPage>;
  /** QUEUED becomes CANCELED; INITIALIZING and RUNNING become CANCELING; any other state stays. Undefined where the task doesn't exist for the owner. */
  cancel(
    id: string,
    options: { owner?: string; at: number },
  ): Promise<{ before: TesState; after: TesState } | undefined>;
  /**
   * QUEUED becomes INITIALIZING, under a lease. Where the holder has it under way already, as after an answer that was
   * lost, tells what it has, and writes nothing. Undefined where the task is unknown, somebody else's, or not to be claimed.
   */
  claim(claim: Claim): Promise<Claimed | undefined>;
  /**
   * Compare and swap: false, and nothing written, where the state isn't `from`. The lease ends with the attempt: with a
   * state that is an end, and with QUEUED. Throws `internal` for a transition that the table in `tes/states.ts` lacks, and
   * `fenced` where the token isn't that of the task's lease; a task without a lease takes no token.
   */
  transition(change: Transition): Promise<boolean>;
  /** Inserts or replaces one attempt of a task without a change of state. Throws `fenced` as `transition` does, `not-found`. */
  saveAttempt(id: string, attempt: AttemptRecord, token?: number): Promise<void>;
  /** The leases of these tokens last so long from now on; tells those that there are. Any other is somebody else's, or over. */
  renew(renewal: Renewal): Promise<readonly Claimed[]>;
  /**
   * Leases, under new tokens, of every task under way that nobody has, or has in time, and with `own` of those that the
   * holder itself has: what wrote under the tokens before is fenced.
   */
  takeOver(taking: TakeOver): Promise<readonly LeasedTask[]>;
  /** QUEUED tasks in the order of their creation, after `afterSequence`. */
  queued(options: { limit: number; afterSequence?: number }): Promise<QueuedTask[]>;
  /** Every task that is INITIALIZING, RUNNING or CANCELING, with its attempts. */
  active(): Promise<TaskRecord[]>;
  /** What happened to a task, oldest first. */
  events(id: string): Promise<TaskEvent[]>;
  /** How many tasks are in each state; states without a task are left out. */
  counts(): Promise<Partial<Record<TesState, number>>>;
  /** Removes tasks that ended before the given time, at most `limit`; returns their ids. */
  purge(options: { endedBefore: number; limit: number }): Promise<string[]>;
  close(): Promise<void>;
}

export interface NewTask {
  readonly id: string;
  readonly owner: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly document: TesTaskDocument;
  readonly sandbox: Sandbox;
  /** Warnings known at creation; they open the first attempt's system logs. */
  readonly warnings: readonly string[];
  readonly idempotencyKey?: string;
}

export interface TaskRecord {
  readonly id: string;
  /** Grows with each created task. */
  readonly sequence: number;
  readonly owner: string;
  readonly state: TesState;
  readonly createdAt: number;
  /** With view MINIMAL the document holds no executors and there is no attempt; with BASIC, no `content`. */
  readonly document: TesTaskDocument;
  readonly sandbox: Sandbox;
  readonly warnings: readonly string[];
  /** With BASIC, without stdout, stderr and system logs. */
  readonly attempts: readonly AttemptRecord[];
}

export interface QueuedTask {
  readonly id: string;
  readonly sequence: number;
  readonly createdAt: number;
  readonly sandbox: Sandbox;
}

export interface AttemptRecord {
  /** From 1. */
  readonly number: number;
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly executors: readonly ExecutorRecord[];
  readonly outputs: readonly OutputRecord[];
  readonly systemLogs: readonly string[];
  /** Reported as `logs[].metadata`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What the backend needs to find the attempt again; JSON. */
  readonly handle?: unknown;
  /** It ended with the server, before anything of the task had run: it isn't counted among the attempts that a site allows. */
  readonly ranNothing?: true;
}

export interface ExecutorRecord {
  /** Position in the task's `executors`. */
  readonly index: number;
  readonly startedAt: number;
  readonly endedAt?: number;
  /** Absent while it runs. */
  readonly exitCode?: number;
  /** Text of the log, at most what the site keeps in the store. */
  readonly stdout?: string;
  readonly stderr?: string;
  readonly evidence?: Evidence;
}

export interface OutputRecord {
  readonly url: string;
  readonly path: string;
  readonly sizeBytes: number;
}

export interface Transition {
  readonly id: string;
  readonly from: TesState;
  readonly to: TesState;
  readonly at: number;
  /** For the event: one line, for people. */
  readonly reason?: string;
  /** Written in the same transaction. */
  readonly attempt?: AttemptRecord;
  /** Of the task's lease. */
  readonly token?: number;
}

/** Times are those of the store's clock, so that holders need not agree on theirs: they say how long, never until when. */
export interface LeaseTerms {
  /** One engine, by a name that outlives its process. */
  readonly holder: string;
  readonly leaseMs: number;
}

export interface Claim extends LeaseTerms {
  readonly id: string;
  readonly at: number;
  /** Written in the same transaction. */
  readonly attempt: AttemptRecord;
}

export interface Claimed {
  /** Of all tokens that this store gave, the latest one has the highest number. */
  readonly token: number;
  readonly state: TesState;
}

export interface Renewal {
  readonly tokens: readonly number[];
  readonly leaseMs: number;
}

export interface TakeOver extends LeaseTerms {
  readonly own: boolean;
}

export interface LeasedTask {
  readonly id: string;
  readonly token: number;
}

export interface TaskEvent {
  readonly at: number;
  readonly from: TesState | null;
  readonly to: TesState;
  readonly reason: string | null;
}

export interface ListQuery {
  readonly owner?: string;
  readonly view: TesView;
  /** Literal, case-sensitive. */
  readonly namePrefix?: string;
  readonly state?: TesState;
  /** An empty value means "has the key". */
  readonly tags?: readonly { key: string; value: string }[];
  /** 1 to 2047. */
  readonly pageSize: number;
  readonly pageToken?: string;
}

export interface TaskPage {
  /** Newest first. */
  readonly tasks: readonly TaskRecord[];
  /** Absent on the last page. */
  readonly nextPageToken?: string;
}

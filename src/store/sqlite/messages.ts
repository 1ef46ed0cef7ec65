/** What the serving thread and the two database threads say to each other. Bodies are JSON text throughout. */
import type { FieldFault, ErrorCode } from '../../errors.ts';
import type { Claim, Claimed, LeasedTask, Renewal, TakeOver, TaskEvent, Transition } from '../store.ts';
import type { TesState } from '../../tes/states.ts';
import type { TesView } from '../../tes/task.ts';

export interface WriteOperations {
  create: { input: CreateInput; output: { id: string; replayed: boolean } };
  cancel: { input: CancelInput; output: { before: TesState; after: TesState } | undefined };
  claim: { input: ClaimInput; output: Claimed | undefined };
  transition: { input: Omit<Transition, 'attempt'> & { attempt?: AttemptInput }; output: boolean };
  saveAttempt: { input: { id: string; attempt: AttemptInput; token?: number }; output: undefined };
  renew: { input: Renewal & { now: number }; output: Claimed[] };
  takeOver: { input: TakeOver & { now: number }; output: LeasedTask[] };
  purge: { input: { endedBefore: number; limit: number }; output: string[] };
}

export interface ReadOperations {
  get: { input: { id: string; owner?: string; view: TesView }; output: TaskRow | undefined };
  list: { input: ListInput; output: { tasks: TaskRow[]; nextBefore?: number } };
  queued: { input: { limit: number; afterSequence: number }; output: QueuedRow[] };
  active: { input: undefined; output: TaskRow[] };
  events: { input: { id: string }; output: TaskEvent[] };
  counts: { input: undefined; output: { state: TesState; count: number }[] };
}

/** One function for each operation of a thread. */
export type Handlers<O> = { [N in keyof O]: (input: InputOf<O, N>) => OutputOf<O, N> };
export type InputOf<O, N extends keyof O> = O[N] extends { input: infer I } ? I : never;
export type OutputOf<O, N extends keyof O> = O[N] extends { output: infer R } ? R : never;

export type Request<O, N extends keyof O = keyof O> = {
  [P in N]: { readonly number: number; readonly name: P; readonly input: InputOf<O, P> };
}[N];

export type Answer =
  | { readonly number: number; readonly value: unknown }
  | { readonly number: number; readonly failure: Failure };

/** A `BulkheadError` on its way between threads: a structured clone loses the class and the code. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fields: readonly FieldFault[];
}

/** The first thing that a thread says. */
export type Greeting = { readonly opened: true } | { readonly opened: false; readonly failure: Failure };

export interface ThreadData {
  readonly role: 'writer' | 'reader';
  readonly path: string;
  readonly busyTimeoutMs: number;
}

export interface CreateInput {
  readonly id: string;
  readonly owner: string;
  readonly createdAt: number;
  readonly name: string;
  readonly tags: readonly IndexedTag[];
  readonly document: string;
  readonly contents: readonly ContentBody[];
  readonly sandbox: string;
  readonly warnings: string;
  readonly idempotency?: { readonly key: string; readonly sha256: string };
}

export interface CancelInput {
  readonly id: string;
  readonly owner?: string;
  readonly at: number;
}

export type ClaimInput = Omit<Claim, 'attempt'> & { readonly attempt: AttemptInput; readonly now: number };

export interface AttemptInput {
  readonly number: number;
  readonly body: string;
  readonly texts: readonly TextBody[];
}

export interface ListInput {
  readonly owner?: string;
  readonly view: TesView;
  /** Never empty. */
  readonly namePrefix?: string;
  readonly state?: TesState;
  /** An empty value means "has the key". */
  readonly tags: readonly IndexedTag[];
  readonly limit: number;
  /** Only tasks with a smaller sequence. */
  readonly before: number;
}

export interface IndexedTag {
  readonly key: string;
  readonly value: string;
}

export interface ContentBody {
  readonly input: number;
  readonly body: string;
}

export interface TextBody {
  readonly part: string;
  readonly body: string;
}

export interface TaskRow {
  readonly sequence: number;
  readonly id: string;
  readonly owner: string;
  readonly state: TesState;
  readonly createdAt: number;
  readonly admission: AdmissionRow;
  /** Absent with MINIMAL. */
  readonly document?: string;
  readonly contents: readonly ContentBody[];
  readonly attempts: readonly AttemptInput[];
}

/** One object for all tasks of an answer that were admitted alike: it goes between the threads once, and is parsed once. */
export interface AdmissionRow {
  readonly sandbox: string;
  readonly warnings: string;
}

export interface QueuedRow {
  readonly id: string;
  readonly sequence: number;
  readonly createdAt: number;
  readonly sandbox: string;
}

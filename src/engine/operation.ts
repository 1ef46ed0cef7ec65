/** What an operator may ask of a running server, and what stands in the way of new tasks. */
export interface Operation {
  /** Nothing new is started, and what runs comes to its end. Asked again, the later choice counts. */
  drain(options: DrainOptions): void;
  /** Takes back `drain`. */
  resume(): void;
  state(): OperationState;
  /** Throws `busy` or `disk-full`, with the reason, where no new task is taken now. */
  assertTakes(): void;
}

export interface DrainOptions {
  /** Else they are queued, and wait. */
  readonly refuseCreates: boolean;
}

export interface OperationState {
  /** Why nothing new is started; empty where it is. */
  readonly holds: readonly Hold[];
  readonly takesCreates: boolean;
  /** Attempts that run now. */
  readonly running: number;
}

/** Whether new attempts are started. What runs is never touched. */
export interface Starts {
  /** Nothing new is started until each cause is lifted; a second hold of one cause replaces its reason. */
  hold(cause: HoldCause, reason: string): void;
  lift(cause: HoldCause): void;
  holds(): readonly Hold[];
  /** Attempts that run now. */
  running(): number;
}

export type HoldCause = 'drain' | 'disk' | 'sweep';

export interface Hold {
  readonly cause: HoldCause;
  /** For people. */
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

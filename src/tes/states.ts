/** The states of TES 1.1.0 and the one table of transitions that are legal between them. */
export type TesState =
  | 'UNKNOWN'
  | 'QUEUED'
  | 'INITIALIZING'
  | 'RUNNING'
  | 'PAUSED'
  | 'COMPLETE'
  | 'EXECUTOR_ERROR'
  | 'SYSTEM_ERROR'
  | 'CANCELED'
  | 'PREEMPTED'
  | 'CANCELING';

export const TES_STATES = [
  'UNKNOWN',
  'QUEUED',
  'INITIALIZING',
  'RUNNING',
  'PAUSED',
  'COMPLETE',
  'EXECUTOR_ERROR',
  'SYSTEM_ERROR',
  'CANCELED',
  'PREEMPTED',
  'CANCELING',
] as const satisfies readonly TesState[];

/**
 * From each state, the states that may follow. PAUSED, PREEMPTED and UNKNOWN are never entered: most clients
 * don't treat them as an end. A lost attempt goes back to QUEUED, to be tried again.
 */
const NEXT: Readonly<Record<TesState, readonly TesState[]>> = {
  UNKNOWN: [],
  QUEUED: ['INITIALIZING', 'CANCELED', 'SYSTEM_ERROR'],
  INITIALIZING: ['RUNNING', 'QUEUED', 'EXECUTOR_ERROR', 'SYSTEM_ERROR', 'CANCELING'],
  RUNNING: ['COMPLETE', 'QUEUED', 'EXECUTOR_ERROR', 'SYSTEM_ERROR', 'CANCELING'],
  PAUSED: [],
  COMPLETE: [],
  EXECUTOR_ERROR: [],
  SYSTEM_ERROR: [],
  CANCELED: [],
  PREEMPTED: [],
  CANCELING: ['CANCELED'],
};

export function isLegalTransition(from: TesState, to: TesState): boolean {
  return NEXT[from].includes(to);
}

/** The task has ended and nothing about it will change. */
export function isTerminal(state: TesState): boolean {
  return NEXT[state].length === 0 && state !== 'UNKNOWN' && state !== 'PAUSED' && state !== 'PREEMPTED';
}

/** An attempt may hold resources of a backend. */
export function isActive(state: TesState): boolean {
  return state === 'INITIALIZING' || state === 'RUNNING' || state === 'CANCELING';
}

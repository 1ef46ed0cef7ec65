import { readFileSync } from 'node:fs';

/** A process as it is now: its id may be another's later. */
export interface Process {
  readonly pid: number;
  readonly words: readonly string[];
}

/** Below a process, all generations, at this moment. At once: it is asked often, and what it looks for is soon gone. */
export function descendantsOf(pid: number): Process[] {
  return childrenOf(pid).flatMap((child) => [
    { pid: child, words: commandOf(child) },
    ...descendantsOf(child),
  ]);
}

export function childrenOf(pid: number): number[] {
  // Of the main thread, which starts all of them. Source: proc_pid_task(5).
  return text(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

export function commandOf(pid: number): string[] {
  return text(`/proc/${pid}/cmdline`).split('\0').slice(0, -1);
}

export function isAlive(pid: number): boolean {
  const stat = text(`/proc/${pid}/stat`);
  return stat !== '' && stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
}

export function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Gone, as processes and containers are.
    return '';
  }
}

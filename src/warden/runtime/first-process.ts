import { readFileSync } from 'node:fs';

/** A process, by what no other has for as long as the host runs. */
export interface FirstProcess {
  readonly pid: number;
  /** In clock ticks since the host started. */
  readonly start: number;
}

/** Of a container, by what its runtime wrote about it: a JSON file, and the names of two fields. Undefined where there is none. */
export function firstProcess(
  file: string,
  names: { readonly pid: string; readonly start: string },
): FirstProcess | undefined {
  let state: unknown;
  try {
    state = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Not written yet, or by halves: of a runtime that was killed.
    return undefined;
  }
  if (typeof state !== 'object' || state === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(state));
  const [pid, start] = [fields.get(names.pid), fields.get(names.start)];
  return typeof pid === 'number' && typeof start === 'number' ? { pid, start } : undefined;
}

/** A letter, such as `T` of one that is stopped; undefined where it is gone. Source: proc_pid_stat(5). */
export function processState({ pid, start }: FirstProcess): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // After the name, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[19]) === start ? fields[0] : undefined;
}

/** Not even a zombie is. */
export function isAlive(process: FirstProcess): boolean {
  const state = processState(process);
  return state !== undefined && !['Z', 'X'].includes(state);
}

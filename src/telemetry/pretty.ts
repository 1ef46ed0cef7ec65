import { printable } from '../printable.ts';

/** One line of JSON as one for people; the stack of an error follows on lines of its own. */
export function prettyLine(line: string): string {
  const { time, level, msg, err, pid: _pid, hostname: _hostname, ...rest } = parsed(line);
  const name = typeof level === 'number' ? (LEVELS.get(level) ?? String(level)) : String(level);
  const clock =
    typeof time === 'string' || typeof time === 'number' ? new Date(time).toISOString().slice(11, 23) : '';
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${shown(value)}`);
  const head = printable(
    [clock, name.toUpperCase().padEnd(5), shownMessage(msg), ...fields]
      .filter((part) => part !== '')
      .join(' '),
  );
  return `${head}\n${errorLines(err)}`;
}

const LEVELS: ReadonlyMap<number, string> = new Map([
  [10, 'trace'],
  [20, 'debug'],
  [30, 'info'],
  [40, 'warn'],
  [50, 'error'],
  [60, 'fatal'],
]);

function parsed(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // Not ours: shown as it came.
  }
  return { level: 'info', msg: line.trimEnd() };
}

function errorLines(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const text = 'stack' in error && typeof error.stack === 'string' ? error.stack : JSON.stringify(error);
  return text
    .split('\n')
    .map((line) => `    ${printable(line)}\n`)
    .join('');
}

function shownMessage(message: unknown): string {
  return typeof message === 'string' ? message : message === undefined ? '' : JSON.stringify(message);
}

function shown(value: unknown): string {
  return typeof value === 'string' && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
}

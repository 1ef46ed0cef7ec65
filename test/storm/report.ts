import { type Kill, PHASES } from './plan.ts';

/** One kill, and what became of it. */
export interface Record {
  readonly kill: Kill;
  /** `missed`: the phase or the victim wasn't met in time; it doesn't count as a kill. */
  readonly result: 'killed' | 'missed';
  /** Of the task that was in the phase. */
  outcome: string;
  readonly problems: string[];
}

export interface Report {
  readonly seed: number;
  readonly seconds: number;
  readonly kills: number;
  readonly restarts: number;
  readonly tasks: number;
  readonly acknowledged: number;
  /** Containers that the kernel saw start. */
  readonly starts: number;
  /** How often each end was met, of all tasks. */
  readonly ends: Readonly<{ [end: string]: number }>;
  readonly records: readonly Record[];
  /** What is wrong: none is good. */
  readonly problems: readonly string[];
}

export function formatReport(report: Report): string {
  const rows = PHASES.flatMap((phase) => {
    const inPhase = report.records.filter(({ kill }) => kill.phase === phase);
    return [...new Set(inPhase.map(({ kill }) => kill.victim))].map((victim) => {
      const met = inPhase.filter(({ kill }) => kill.victim === victim);
      const killed = met.filter(({ result }) => result === 'killed');
      const wrong = killed.reduce((sum, { problems }) => sum + problems.length, 0);
      return [phase, victim, killed.length, met.length - killed.length, tally(killed), wrong].map(String);
    });
  });
  const ends = Object.entries(report.ends).map(([end, count]) => `${count} ${end}`);
  return [
    table([['phase', 'victim', 'kills', 'missed', 'outcomes of the task in that phase', 'wrong'], ...rows]),
    '',
    `seed ${report.seed}: ${report.kills} kills, ${report.restarts} starts of the server, ${report.seconds.toFixed(0)} s`,
    `${report.tasks} tasks, ${report.acknowledged} acknowledged: ${ends.join(', ')}; ${report.starts} containers started`,
    ...(report.problems.length === 0
      ? ['nothing went wrong']
      : report.problems.map((problem) => `WRONG ${problem}`)),
    '',
  ].join('\n');
}

function tally(records: readonly Record[]): string {
  const counts = new Map<string, number>();
  for (const { outcome } of records) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

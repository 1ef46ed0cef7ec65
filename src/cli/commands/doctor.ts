import type { Command } from 'commander';
import { printable } from '../../printable.ts';
import { examples } from '../context.ts';
import type { Context } from '../context.ts';
import type { DoctorReport } from '../doctor-report.ts';
import { EXIT } from '../exit-codes.ts';
import { write, writeJson } from '../output.ts';
import { table } from '../table.ts';

/** `bulkhead doctor`. */
export function addDoctor(program: Command, context: Context): void {
  program
    .command('doctor')
    .summary('find out what this host can enforce')
    .description(
      'Tries what a task needs on this host, and says what is missing and how to get it. Ends with 1 where tasks could not run.',
    )
    .option('--json', 'answer for programs, as JSON on standard output')
    .addHelpText(
      'after',
      examples('bulkhead doctor', 'bulkhead doctor --json | jq \'.checks[] | select(.status != "ok")\''),
    )
    .action(async (options: { json?: boolean }) => {
      const report = await context.doctor();
      if (options.json === true) await writeJson(context.session, report);
      else await write(context.session.stdout, doctorView(report));
      context.endWith(report.checks.some(({ status }) => status === 'fail') ? EXIT.negative : EXIT.done);
    });
}

/** The report for people: what was found, then what to do. */
function doctorView({ checks }: DoctorReport): string {
  const found = table(
    ['', 'CHECK', 'FOUND'],
    checks.map(({ status, title, found: what }) => [status.toUpperCase(), title, what]),
  );
  const remedies = checks
    .filter(({ remedy, status }) => remedy !== undefined && status !== 'ok')
    .map(({ title, remedy }) => `  ${printable(title)}: ${printable(remedy ?? '')}\n`);
  const failed = checks.filter(({ status }) => status === 'fail').length;
  const warned = checks.filter(({ status }) => status === 'warn').length;
  const verdict =
    failed > 0
      ? `Tasks can't run on this host: ${failed} of ${checks.length} checks failed.`
      : `Tasks can run on this host${warned > 0 ? `, with ${warned} warning${warned === 1 ? '' : 's'}` : ''}.`;
  return `${found}\n${remedies.length > 0 ? `What to do:\n${remedies.join('')}\n` : ''}${verdict}\n`;
}

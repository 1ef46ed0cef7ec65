import { resolve } from 'node:path';
import type { Command } from 'commander';
import { configOf, examples, withConfig } from '../context.ts';
import type { ConfigOptions, Context } from '../context.ts';
import { writeJson, writeLine } from '../output.ts';

interface Options extends ConfigOptions {
  readonly force?: boolean;
}

/** `bulkhead restore FILE`. */
export function addRestore(program: Command, context: Context): void {
  withConfig(
    program
      .command('restore')
      .summary('make a backup the database of a stopped server')
      .description(
        'Makes a backup the database of the configured data folder. Its server must not run. Tasks that ran when the backup was made come to their end at the next start; those that waited run, also where they have run since.',
      )
      .argument('<file>', 'made by `bulkhead backup`')
      .option('--force', 'where there is a database, put it aside under another name')
      .option('--json', 'answer for programs, as JSON on standard output'),
  )
    .addHelpText('after', examples('bulkhead restore --config /etc/bulkhead.yaml bulkhead-2026-01-31.sqlite'))
    .action(async (written: string, options: Options) => {
      const { session } = context;
      const config = await configOf(context, options);
      const report = await context.restore(config, {
        from: resolve(session.cwd, written),
        force: options.force === true,
      });
      if (options.json === true) {
        await writeJson(session, report);
        return;
      }
      await writeLine(session.stdout, `${report.database}: ${report.tasks} tasks`);
      if (report.keptAside !== undefined)
        await writeLine(session.stdout, `The database before it is now ${report.keptAside}`);
    });
}

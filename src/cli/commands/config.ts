import type { Command } from 'commander';
import { configOf, examples, withConfig } from '../context.ts';
import type { ConfigOptions, Context } from '../context.ts';
import { write, writeJson } from '../output.ts';
import { table } from '../table.ts';

/** `bulkhead config schema` and `bulkhead config show`. */
export function addConfig(program: Command, context: Context): void {
  const config = program
    .command('config')
    .summary('the configuration')
    .description('Describes and shows the configuration.');
  config
    .command('schema')
    .summary('print the JSON Schema')
    .description('Prints the JSON Schema of the configuration, for editors and checkers.')
    .addHelpText('after', examples('bulkhead config schema > bulkhead.schema.json'))
    .action(async () => {
      const { configJsonSchema } = await import('../../config/json-schema.ts');
      await write(context.session.stdout, `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
    });

  withConfig(
    config
      .command('show')
      .summary('print what is in effect')
      .description(
        'Prints the configuration that `serve` would use: sizes in bytes, durations in milliseconds, absolute paths.',
      )
      .option('--json', 'answer for programs, as JSON on standard output'),
  )
    .addHelpText('after', examples('bulkhead config show --config /etc/bulkhead.yaml'))
    .action(async (options: ConfigOptions) => {
      const loaded = await configOf(context, options);
      if (options.json === true) await writeJson(context.session, loaded);
      else await write(context.session.stdout, table(['KEY', 'VALUE'], rowsOf(loaded, [])));
    });
}

function rowsOf(value: unknown, path: readonly string[]): string[][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [[path.join('.'), JSON.stringify(value)]];
  const entries = Object.entries(value);
  return entries.flatMap(([name, below]) => rowsOf(below, [...path, name]));
}

import type { Command } from 'commander';
import { printable } from '../../printable.ts';
import { clientOf, examples, withServer } from '../context.ts';
import type { Context, ServerOptions } from '../context.ts';
import { write, writeJson } from '../output.ts';
import { overviewOf } from '../policy-answer.ts';
import type { OverviewAnswer } from '../policy-answer.ts';
import { table } from '../table.ts';

/** `bulkhead policy show`. */
export function addPolicyShow(policy: Command, context: Context): void {
  withServer(
    policy
      .command('show')
      .summary('what you get unasked, and may ask for')
      .description('Shows what the server gives to your tasks, and the most that they may ask for.'),
  )
    .addHelpText('after', examples('bulkhead policy show'))
    .action(async (options: ServerOptions) => {
      const client = await clientOf(context, options);
      const answer = overviewOf(await client.operate('GET', '/policy'));
      if (options.json === true) await writeJson(context.session, answer);
      else await write(context.session.stdout, view(answer));
    });
}

function view({ subject, groups, profiles, fields, read, write: written, rules }: OverviewAnswer): string {
  const rows = fields.map(({ field, default: byDefault, ceiling, floor }) => [
    field,
    byDefault.value,
    ceiling?.value ?? 'the machine',
    floor?.value ?? '',
    ceiling?.from ?? '',
  ]);
  const lines = [
    `for ${[subject, ...groups].join(', ')}`,
    `profiles: ${profiles.join(', ')}`,
    ...locations('read', read),
    ...locations('write', written),
    ...rules.map(({ id, refuse }) => `rule for some tasks: ${id}${refuse === null ? '' : `: ${refuse}`}`),
  ];
  return `${table(['FIELD', 'DEFAULT', 'CEILING', 'FLOOR', 'WRITTEN IN'], rows)}\n${lines.map((line) => `${printable(line)}\n`).join('')}`;
}

function locations(use: string, list: readonly string[] | null): string[] {
  return list === null ? [] : [`may ${use}: ${list.join(', ') || 'nothing'}`];
}

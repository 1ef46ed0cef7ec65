import type { Command } from 'commander';
import { clientOf, examples, withServer } from '../context.ts';
import type { Context, ServerOptions } from '../context.ts';
import { note, writeJson } from '../output.ts';

/** `bulkhead task cancel ID…`. */
export function addTaskCancel(task: Command, context: Context): void {
  withServer(
    task
      .command('cancel')
      .summary('end tasks')
      .description('Cancels tasks. One that has ended already stays as it is.')
      .argument('<id...>', 'ids of tasks'),
  )
    .addHelpText('after', examples('bulkhead task cancel 01K…'))
    .action(async (ids: string[], options: ServerOptions) => {
      const client = await clientOf(context, options);
      for (const id of ids) {
        await client.cancel(id);
        if (options.json !== true) await note(context.session, `asked for the end of task ${id}`);
      }
      if (options.json === true) await writeJson(context.session, { canceled: ids });
    });
}

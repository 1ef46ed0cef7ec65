import { Option } from 'commander';
import type { Command } from 'commander';
import type { TesView } from '../../tes/task.ts';
import { clientOf, examples, withServer } from '../context.ts';
import type { Context, ServerOptions } from '../context.ts';
import { write, writeJson } from '../output.ts';
import { taskView } from '../task-view.ts';

interface Options extends ServerOptions {
  readonly view: TesView;
}

/** `bulkhead task get ID`. */
export function addTaskGet(task: Command, context: Context): void {
  withServer(
    task
      .command('get')
      .summary('show one task')
      .description('Shows a task: what was asked for, and how each attempt went.')
      .argument('<id>', 'id of the task')
      .addOption(
        new Option('--view <view>', 'how much of it').choices(['MINIMAL', 'BASIC', 'FULL']).default('FULL'),
      ),
  )
    .addHelpText('after', examples('bulkhead task get 01K…', 'bulkhead task get --json 01K… | jq .logs'))
    .action(async (id: string, options: Options) => {
      const client = await clientOf(context, options);
      const found = await client.get(id, options.view);
      if (options.json === true) await writeJson(context.session, found);
      else await write(context.session.stdout, taskView(found));
    });
}

import type { Command } from 'commander';
import { clientOf, examples, withServer } from '../context.ts';
import type { Context, ServerOptions } from '../context.ts';
import { follow } from '../follow.ts';
import { logPrinter } from '../log-printer.ts';
import { note } from '../output.ts';

interface Options extends ServerOptions {
  readonly follow?: boolean;
  readonly quiet?: boolean;
}

/** `bulkhead task logs ID [-f]`. */
export function addTaskLogs(task: Command, context: Context): void {
  withServer(
    task
      .command('logs')
      .summary("show what a task's executors wrote")
      .description("Prints the executors' standard output and standard error, each to its own stream.")
      .argument('<id>', 'id of the task')
      .option('-f, --follow', 'go on until the task has ended')
      .option('-q, --quiet', 'only what the executors wrote'),
  )
    .addHelpText(
      'after',
      examples('bulkhead task logs 01K… > out.txt 2> err.txt', 'bulkhead task logs -f 01K…'),
    )
    .action(async (id: string, options: Options) => {
      const { session } = context;
      const client = await clientOf(context, options);
      const onLine = logPrinter(session, { isJson: options.json === true, isQuiet: options.quiet === true });
      if (options.follow !== true) {
        for await (const line of client.logs(id, { follow: false })) await onLine(line);
        return;
      }
      const never = new AbortController().signal;
      const onLost = (reason: string) => note(session, reason);
      const ended = await follow({ client, session, id, signal: never, onLine, onLost });
      if (options.quiet !== true && options.json !== true) await note(session, ended?.state ?? 'UNKNOWN');
    });
}

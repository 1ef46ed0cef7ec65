import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { clientOf, examples, withServer } from '../context.ts';
import type { Context, ServerOptions } from '../context.ts';
import { writeJson, writeLine } from '../output.ts';
import { readJsonSource } from '../text-source.ts';

interface Options extends ServerOptions {
  readonly idempotencyKey?: string;
}

/** `bulkhead task create FILE|-`. */
export function addTaskCreate(task: Command, context: Context): void {
  withServer(
    task
      .command('create')
      .summary('submit a TES task')
      .description('Submits a TES task document and prints the id.')
      .argument('<file>', 'a TES task as JSON; `-` reads standard input')
      .option('--idempotency-key <key>', 'with the same key and document again, the first task is answered'),
  )
    .addHelpText(
      'after',
      examples(
        'bulkhead task create align.json',
        'jq \'.name = "again"\' align.json | bulkhead task create -',
      ),
    )
    .action(async (file: string, options: Options) => {
      const { session } = context;
      const document = await readJsonSource(session, file);
      const client = await clientOf(context, options);
      const id = await client.create(document, options.idempotencyKey ?? randomUUID());
      if (options.json === true) await writeJson(session, { id });
      else await writeLine(session.stdout, id);
    });
}

import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import type { Command } from 'commander';
import type { TesTask } from '../../tes/task.ts';
import type { Client } from '../client.ts';
import { clientOf, collect, examples, withServer } from '../context.ts';
import type { Context, ServerOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { follow } from '../follow.ts';
import { watchInterruption } from '../interruption.ts';
import { logPrinter } from '../log-printer.ts';
import { note, writeLine } from '../output.ts';
import { runDocument } from '../run-document.ts';
import type { RunOptions } from '../run-document.ts';
import { exitCodeOfTask, reasonsOf } from '../task-end.ts';
import { readTextSource } from '../text-source.ts';

interface Options extends RunOptions, ServerOptions {
  readonly stdin?: string;
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

/** `bulkhead run IMAGE -- CMD…`. */
export function addRun(program: Command, context: Context): void {
  withServer(
    program
      .command('run')
      .summary('run one command in an image, and end as it ends')
      .description('Submits a task of one executor, follows it, and ends with its exit code.')
      .argument('<image>', 'image to run, as `docker run` would name it')
      .argument('[command...]', 'the command: argv, no shell')
      .passThroughOptions()
      .option(
        '--input <source:path>',
        "a path on the server's host or a URL, and where the task finds it",
        collect,
        [],
      )
      .option(
        '--output <path:destination>',
        'what the task writes, and the path or URL where it goes',
        collect,
        [],
      )
      .option('--volume <path>', 'an empty writable folder in the task', collect, [])
      .option('--stdin <file>', 'text that the task reads on standard input; `-` for ours')
      .option('--env <key=value>', 'an environment variable; KEY alone passes on ours', collect, [])
      .option('--workdir <path>', 'where the command starts')
      .option('--cpu <cores>', 'such as 2 or 0.5')
      .option('--ram <size>', 'such as 4GiB')
      .option('--disk <size>', 'such as 20GiB')
      .option('--name <text>', 'name of the task')
      .option('--description <text>', 'what it is for')
      .option('--tag <key=value>', 'a tag of the task', collect, [])
      .option('--param <key=value>', 'a backend parameter; an unknown one is refused', collect, [])
      .option('-d, --detach', 'print the id of the task and end')
      .option('-q, --quiet', 'no progress on standard error'),
  )
    .addHelpText(
      'after',
      examples(
        'bulkhead run alpine -- echo hello',
        'bulkhead run --input ./reads.fq:/in/reads.fq --output /out/reads.bam:./reads.bam \\',
        '    --cpu 4 --ram 8GiB biocontainers/bwa:v0.7.17 -- sh -c "bwa mem … > /out/reads.bam"',
        'sort < names.txt | bulkhead run --stdin - alpine -- uniq -c',
      ) +
        '\nExit codes: those of the command; 125 the server failed, 130 canceled or left. See docs/cli.md.\n',
    )
    .action(async (image: string, command: string[], options: Options) => {
      // Passing options through passes on the `--` before the command too; a second one is the command's own.
      const words = command[0] === '--' ? command.slice(1) : command;
      context.endWith(await run(context, image, words, options));
    });
}

async function run(
  context: Context,
  image: string,
  command: readonly string[],
  options: Options,
): Promise<number> {
  const { session } = context;
  const client = await clientOf(context, options);
  const stdin = options.stdin === undefined ? {} : { stdin: await readTextSource(session, options.stdin) };
  const document = runDocument(image, command, options, {
    cwd: session.cwd,
    env: session.env,
    isDirectory,
    ...stdin,
  });
  const id = await client.create(document, randomUUID());
  if (options.detach === true) {
    await writeLine(session.stdout, options.json === true ? JSON.stringify({ id }) : id);
    return EXIT.done;
  }
  if (options.json === true) await writeLine(session.stdout, JSON.stringify({ kind: 'created', id }));
  else if (options.quiet !== true) await note(session, `task ${id}`);

  const task = await followed(context, client, id, options);
  const exitCode = task === undefined ? EXIT.interrupted : exitCodeOfTask(task);
  await tellEnd(context, id, task, exitCode, options);
  return exitCode;
}

async function followed(
  context: Context,
  client: Client,
  id: string,
  options: Options,
): Promise<TesTask | undefined> {
  const { session } = context;
  const interruption = watchInterruption(session, id, () => client.cancel(id));
  try {
    return await follow({
      client,
      session,
      id,
      signal: interruption.left,
      onLine: logPrinter(session, { isJson: options.json === true, isQuiet: options.quiet === true }),
      onLost: (reason) => note(session, reason),
    });
  } finally {
    interruption.stop();
  }
}

async function tellEnd(
  { session }: Context,
  id: string,
  task: TesTask | undefined,
  exitCode: number,
  options: Options,
): Promise<void> {
  if (options.json === true) {
    await writeLine(
      session.stdout,
      JSON.stringify({ kind: 'result', id, state: task?.state ?? null, exitCode }),
    );
    return;
  }
  if (task === undefined) {
    await note(session, `left task ${id}, which goes on: bulkhead task logs -f ${id}`);
    return;
  }
  // Also of one that is COMPLETE: that an output was not made, or a part of an input left out.
  const isTold = options.quiet !== true || task.state !== 'COMPLETE';
  if (isTold) for (const reason of reasonsOf(task)) await note(session, reason);
  if (isTold) await note(session, task.state);
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

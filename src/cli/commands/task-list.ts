import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { TES_STATES } from '../../tes/states.ts';
import type { TesTask } from '../../tes/task.ts';
import type { Client, ListQuery } from '../client.ts';
import { clientOf, collect, examples, withServer } from '../context.ts';
import type { Context, ServerOptions } from '../context.ts';
import { note, write, writeJson } from '../output.ts';
import { table } from '../table.ts';

interface Options extends ServerOptions {
  readonly state?: string;
  readonly namePrefix?: string;
  readonly tag: readonly string[];
  readonly limit: number;
  readonly all?: boolean;
}

/** The most that TES lets a page have. */
const LARGEST_PAGE = 2047;

/** `bulkhead task list`. */
export function addTaskList(task: Command, context: Context): void {
  withServer(
    task
      .command('list')
      .summary('list tasks, newest first')
      .description('Lists tasks, newest first.')
      .addOption(new Option('--state <state>', 'only tasks in this state').choices(TES_STATES))
      .option('--name-prefix <text>', 'only tasks whose name begins so')
      .option('--tag <key[=value]>', 'only tasks with this tag; KEY alone: with any value', collect, [])
      .option('--limit <n>', 'how many at most', count, 50)
      .option('--all', 'all of them'),
  )
    .addHelpText(
      'after',
      examples(
        'bulkhead task list --state RUNNING',
        "bulkhead task list --tag project=phage --all --json | jq '.tasks[].id'",
      ),
    )
    .action(async (options: Options) => {
      const { session } = context;
      const client = await clientOf(context, options);
      const { tasks, hasMore } = await listed(client, options);
      if (options.json === true) {
        await writeJson(session, { tasks });
        return;
      }
      const rows = tasks.map((found) => [
        found.id,
        found.state,
        shortTime(found.creation_time),
        found.name ?? '',
      ]);
      const width = session.stdout.isTTY === true ? session.stdout.columns : undefined;
      await write(session.stdout, table(['ID', 'STATE', 'CREATED', 'NAME'], rows, width));
      if (hasMore) await note(session, `there are more: --limit ${options.limit * 2}, or --all`);
    });
}

async function listed(client: Client, options: Options): Promise<{ tasks: TesTask[]; hasMore: boolean }> {
  const limit = options.all === true ? Number.POSITIVE_INFINITY : options.limit;
  const query: Omit<ListQuery, 'pageSize'> = {
    view: 'BASIC',
    state: options.state,
    namePrefix: options.namePrefix,
    tags: options.tag.map(tagFilter),
  };
  const tasks: TesTask[] = [];
  let pageToken: string | undefined;
  do {
    const pageSize = Math.min(limit - tasks.length, LARGEST_PAGE);
    const page = await client.list({ ...query, pageSize, pageToken });
    tasks.push(...page.tasks);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined && tasks.length < limit);
  return { tasks, hasMore: pageToken !== undefined };
}

/** An empty value means "has the key", as TES has it. */
function tagFilter(written: string): { key: string; value: string } {
  const equals = written.indexOf('=');
  return equals === -1
    ? { key: written, value: '' }
    : { key: written.slice(0, equals), value: written.slice(equals + 1) };
}

function count(written: string): number {
  const value = Number(written);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('Not a whole number above 0.');
}

/** To the second, in UTC. */
function shortTime(time: string | undefined): string {
  return (time ?? '').replace(/\.\d+/, '').replace('T', ' ').slice(0, 20);
}

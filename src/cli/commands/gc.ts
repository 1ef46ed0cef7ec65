import type { Command } from 'commander';
import { BulkheadError } from '../../errors.ts';
import { clientOf, examples, withServer } from '../context.ts';
import type { Context, ServerOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { write, writeJson } from '../output.ts';
import { table } from '../table.ts';

interface Options extends ServerOptions {
  readonly yes?: boolean;
}

interface Leftover {
  readonly kind: string;
  readonly name: string;
  readonly reason: string;
  readonly bytes?: number;
  readonly failure?: string;
}

/** `bulkhead gc`. */
export function addGc(program: Command, context: Context): void {
  withServer(
    program
      .command('gc')
      .summary('show, or remove, what no task owns')
      .description(
        'Shows what no task of a running server owns: folders of attempts, disks, mounts, loop devices, control groups, containers, images beyond their limits. For operators (auth.operators). Ends with 1 where something could not be removed.',
      )
      .option('--yes', 'remove it'),
  )
    .addHelpText(
      'after',
      examples('bulkhead gc', 'bulkhead gc --yes', "bulkhead gc --json | jq '.leftovers[].name'"),
    )
    .action(async (options: Options) => {
      const client = await clientOf(context, options);
      const leftovers = leftoversOf(
        await client.operate(options.yes === true ? 'DELETE' : 'GET', '/leftovers'),
      );
      if (options.json === true) await writeJson(context.session, { leftovers });
      else await write(context.session.stdout, view(leftovers, options.yes === true));
      context.endWith(leftovers.some(({ failure }) => failure !== undefined) ? EXIT.negative : EXIT.done);
    });
}

function view(leftovers: readonly Leftover[], isRemoved: boolean): string {
  if (leftovers.length === 0) return 'Everything has an owner.\n';
  const rows = leftovers.map(({ bytes, failure, kind, name, reason }) => [
    kind,
    name,
    bytes === undefined ? '' : String(bytes),
    isRemoved ? (failure ?? 'removed') : reason,
  ]);
  const hint = isRemoved ? '' : '\nNothing was removed: --yes does.\n';
  return `${table(['KIND', 'NAME', 'BYTES', isRemoved ? 'RESULT' : 'WHY'], rows)}${hint}`;
}

function leftoversOf(answer: unknown): readonly Leftover[] {
  if (
    typeof answer === 'object' &&
    answer !== null &&
    'leftovers' in answer &&
    Array.isArray(answer.leftovers)
  )
    return answer.leftovers.filter(isLeftover);
  throw new BulkheadError('not-found', 'What answers is not a Bulkhead server: check --server');
}

function isLeftover(value: unknown): value is Leftover {
  return (
    typeof value === 'object' && value !== null && 'kind' in value && 'name' in value && 'reason' in value
  );
}

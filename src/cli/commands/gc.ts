import type { Command } from 'commander';
import { BulkheadError } from '../../errors.ts';
import { clientOf, configOf, examples, withConfig, withServer } from '../context.ts';
import type { ConfigOptions, Context, Leftover, ServerOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { write, writeJson } from '../output.ts';
import { table } from '../table.ts';

interface Options extends ServerOptions, ConfigOptions {
  readonly yes?: boolean;
  readonly stopped?: boolean;
}

/** `bulkhead gc`. */
export function addGc(program: Command, context: Context): void {
  withConfig(
    withServer(
      program
        .command('gc')
        .summary('show, or remove, what no task owns')
        .description(
          'Shows what no task of a running server owns: folders of attempts, disks, mounts, loop devices, control groups, containers, images beyond their limits. For operators (auth.operators). With --stopped, as root: what the stopped server of this configuration left on the host, and instances whose data folder is gone. Ends with 1 where something could not be removed.',
        )
        .option('--yes', 'remove it')
        .option('--stopped', 'of a server that does not run, on this host'),
    ),
  )
    .addHelpText(
      'after',
      examples(
        'bulkhead gc',
        'bulkhead gc --yes',
        "bulkhead gc --json | jq '.leftovers[].name'",
        'bulkhead gc --stopped --config /etc/bulkhead.yaml --yes',
      ),
    )
    .action(async (options: Options) => {
      const leftovers =
        options.stopped === true
          ? await context.stoppedLeftovers(await configOf(context, options), { remove: options.yes === true })
          : await ofRunning(context, options);
      if (options.json === true) await writeJson(context.session, { leftovers });
      else await write(context.session.stdout, view(leftovers, options.yes === true));
      context.endWith(leftovers.some(({ failure }) => failure !== undefined) ? EXIT.negative : EXIT.done);
    });
}

async function ofRunning(context: Context, options: Options): Promise<readonly Leftover[]> {
  const client = await clientOf(context, options);
  return leftoversOf(await client.operate(options.yes === true ? 'DELETE' : 'GET', '/leftovers'));
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

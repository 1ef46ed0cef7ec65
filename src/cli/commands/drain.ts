import type { Command } from 'commander';
import { BulkheadError } from '../../errors.ts';
import { clientOf, examples, withServer } from '../context.ts';
import type { Context, ServerOptions } from '../context.ts';
import { drainStateOf } from '../drain-state.ts';
import type { DrainState } from '../drain-state.ts';
import { note, write, writeJson } from '../output.ts';
import { printable } from '../../printable.ts';

interface Options extends ServerOptions {
  readonly refuse?: boolean;
  readonly wait?: boolean;
  readonly undo?: boolean;
  readonly status?: boolean;
}

const POLL_MS = 1_000;

/** `bulkhead drain`. */
export function addDrain(program: Command, context: Context): void {
  withServer(
    program
      .command('drain')
      .summary('start nothing new; what runs ends')
      .description(
        'Makes a server start nothing new while what runs comes to its end. It lasts until --undo, or until the server is started again. For operators (auth.operators).',
      )
      .option('--refuse', 'refuse new tasks with 503; else they are queued, and wait')
      .option('--wait', 'come back when nothing runs any more')
      .option('--undo', 'take it back')
      .option('--status', 'only tell what runs, and why nothing new is started'),
  )
    .addHelpText(
      'after',
      examples(
        'bulkhead drain --wait && systemctl stop bulkhead',
        'bulkhead drain --undo',
        'bulkhead drain --status',
      ),
    )
    .action(async (options: Options) => {
      const client = await clientOf(context, options);
      const { session } = context;
      let state = drainStateOf(await client.operate(...request(options)));
      while (options.wait === true && state.running > 0) {
        await note(session, `${state.running} running`);
        await session.pause(POLL_MS);
        state = drainStateOf(await client.operate('GET', '/drain'));
        if (!state.draining)
          throw new BulkheadError('conflict', 'The drain was taken back, or the server was started again.');
      }
      if (options.json === true) await writeJson(session, state);
      else await write(session.stdout, view(state));
    });
}

function request({ refuse, status, undo, wait }: Options): ['GET' | 'POST' | 'DELETE', string] {
  const asked = [refuse === true || wait === true, undo === true, status === true].filter(Boolean).length;
  if (asked > 1)
    throw new BulkheadError('config', '--undo and --status go with no other option but --server and --json');
  if (status === true) return ['GET', '/drain'];
  if (undo === true) return ['DELETE', '/drain'];
  return ['POST', `/drain?creates=${refuse === true ? 'refuse' : 'queue'}`];
}

function view({ holds, running }: DrainState): string {
  const lines = holds.map(({ cause, reason, since }) => `${cause} since ${since}: ${reason}`);
  if (lines.length === 0) lines.push('New tasks are started.');
  return `${[...lines, `${running} running`].map(printable).join('\n')}\n`;
}

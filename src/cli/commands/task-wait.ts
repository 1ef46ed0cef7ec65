import type { Command } from 'commander';
import { isTerminal } from '../../tes/states.ts';
import type { Client } from '../client.ts';
import { clientOf, examples, withServer } from '../context.ts';
import type { Context, ServerOptions } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { isPassing, knownState } from '../follow.ts';
import { note, write, writeJson } from '../output.ts';
import type { Session } from '../session.ts';
import { table } from '../table.ts';

/** How long a server may be away before we give up. */
const PATIENCE_MS = 10 * 60_000;

/** `bulkhead task wait ID…`. */
export function addTaskWait(task: Command, context: Context): void {
  withServer(
    task
      .command('wait')
      .summary('wait until tasks have ended')
      .description('Waits until every task has ended. Ends with 0 if all are COMPLETE, else with 1.')
      .argument('<id...>', 'ids of tasks'),
  )
    .addHelpText('after', examples('bulkhead task wait $(bulkhead run -d alpine -- sleep 5)'))
    .action(async (ids: string[], options: ServerOptions) => {
      const { session } = context;
      const client = await clientOf(context, options);
      const ended: { id: string; state: string }[] = [];
      for (const id of ids) ended.push({ id, state: await stateAtEnd(client, session, id) });
      if (options.json === true) await writeJson(session, { tasks: ended });
      else
        await write(
          session.stdout,
          table(
            ['ID', 'STATE'],
            ended.map(({ id, state }) => [id, state]),
          ),
        );
      context.endWith(ended.every(({ state }) => state === 'COMPLETE') ? EXIT.done : EXIT.negative);
    });
}

async function stateAtEnd(client: Client, session: Session, id: string): Promise<string> {
  let lostAt: number | undefined;
  for (let pauseMs = 250; ; pauseMs = Math.min(pauseMs * 1.5, 5000)) {
    try {
      const { state } = await client.get(id, 'MINIMAL');
      if (isTerminal(knownState(state))) return state;
      lostAt = undefined;
    } catch (error) {
      // A wrong address shows at the first question; later, a server may be restarting.
      const isFirst = pauseMs === 250;
      if (isFirst || !isPassing(error) || session.now() - (lostAt ?? session.now()) > PATIENCE_MS)
        throw error;
      if (lostAt === undefined) await note(session, `${messageOf(error)}; waiting for the server`);
      lostAt ??= session.now();
    }
    await session.pause(pauseMs);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { BulkheadError } from '../../errors.ts';
import { saveBackup } from '../backup-download.ts';
import type { Client } from '../client.ts';
import { clientOf, examples, withServer } from '../context.ts';
import type { Context, ServerOptions } from '../context.ts';
import { readJsonLines } from '../json-lines.ts';
import { note, writeJson, writeLine } from '../output.ts';

interface Options extends ServerOptions {
  readonly force?: boolean;
}

interface Ready {
  readonly id: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly tasks: number;
  readonly schema_version: number;
}

const TELL_EVERY_MS = 1_000;

/** `bulkhead backup FILE`. */
export function addBackup(program: Command, context: Context): void {
  withServer(
    program
      .command('backup')
      .summary('save the database of a running server')
      .description(
        'Saves all tasks of a running server, as they are at one moment, into a file here. Nothing waits meanwhile. For operators (auth.operators). Users, tokens, images and files of tasks are not in it.',
      )
      .argument('<file>', 'where it is written, mode 0600')
      .option('--force', 'replace the file where it is there'),
  )
    .addHelpText(
      'after',
      examples('bulkhead backup bulkhead-$(date +%F).sqlite', 'bulkhead restore bulkhead-2026-01-31.sqlite'),
    )
    .action(async (written: string, options: Options) => {
      const { session } = context;
      const file = resolve(session.cwd, written);
      if (existsSync(file) && options.force !== true)
        throw new BulkheadError('conflict', `There is a file ${file} already: name another, or use --force.`);
      const client = await clientOf(context, options);
      const tell = slowly(context, options);
      const ready = await made(client, tell);
      try {
        const body = await client.stream('GET', `/backups/${ready.id}`);
        await saveBackup(
          body,
          file,
          ready,
          async (bytes) => await tell(`fetched ${percent(bytes, ready.bytes)}`),
        );
      } finally {
        await client.operate('DELETE', `/backups/${ready.id}`);
      }
      const { id: _id, ...report } = ready;
      if (options.json === true) await writeJson(session, { file, ...report });
      else
        await writeLine(
          session.stdout,
          `${file}: ${ready.tasks} tasks, ${ready.bytes} bytes, sha256 ${ready.sha256}`,
        );
    });
}

async function made(client: Client, tell: (message: string) => Promise<void>): Promise<Ready> {
  for await (const line of readJsonLines(await client.stream('POST', '/backups'))) {
    if (isReady(line)) return line;
    const { copied_pages: done, kind, problem, total_pages: total } = line;
    if (kind === 'failed')
      throw new BulkheadError('internal', `The server could not make a backup: ${detailOf(problem)}`);
    await tell(`copied ${percent(Number(done), Number(total))}`);
  }
  throw new BulkheadError('unreachable', 'The server went away before the backup was made.');
}

/** Not more often than every second, and not for programs. */
function slowly({ session }: Context, { json }: Options): (message: string) => Promise<void> {
  let last = session.now();
  return async (message) => {
    if (json === true || session.now() - last < TELL_EVERY_MS) return;
    last = session.now();
    await note(session, message);
  };
}

function percent(done: number, total: number): string {
  return `${total > 0 ? Math.floor((100 * done) / total) : 0} %`;
}

function detailOf(problem: unknown): string {
  return typeof problem === 'object' && problem !== null && 'detail' in problem
    ? String(problem.detail)
    : 'it does not say why';
}

function isReady(line: Record<string, unknown>): line is Record<string, unknown> & Ready {
  return line['kind'] === 'ready' && typeof line['id'] === 'string' && typeof line['sha256'] === 'string';
}

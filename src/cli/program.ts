import { Command, CommanderError } from 'commander';
import { BulkheadError, isBulkheadError } from '../errors.ts';
import { printableLines } from '../printable.ts';
import { addBackup } from './commands/backup.ts';
import { addConfig } from './commands/config.ts';
import { addDoctor } from './commands/doctor.ts';
import { addDrain } from './commands/drain.ts';
import { addGc } from './commands/gc.ts';
import { addPolicy } from './commands/policy.ts';
import { addRestore } from './commands/restore.ts';
import { addRun } from './commands/run.ts';
import { addServe } from './commands/serve.ts';
import { addTask } from './commands/task.ts';
import { addUser } from './commands/user.ts';
import type { Capabilities, Context } from './context.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { isBrokenPipe, write } from './output.ts';
import { processSession } from './session.ts';
import type { Session } from './session.ts';

/** The command line: every command, with its help. */
function createProgram(context: Context): Command {
  const { session } = context;
  const program = new Command('bulkhead');
  program
    .description('Runs untrusted container images in sandboxes, as a GA4GH Task Execution Service.')
    .version(context.version)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void session.stdout.write(text),
      writeErr: (text) => void session.stderr.write(text),
    })
    .showHelpAfterError('(--help shows what there is)');
  addServe(program, context);
  addRun(program, context);
  addTask(program, context);
  addUser(program, context);
  addPolicy(program, context);
  addConfig(program, context);
  addDrain(program, context);
  addBackup(program, context);
  addRestore(program, context);
  addGc(program, context);
  addDoctor(program, context);
  return program;
}

/**
 * Runs one command and resolves with the exit code of the process; errors are told on standard error.
 * `args` are the words after the program's name.
 */
export async function runCommandLine(
  args: readonly string[],
  capabilities: Capabilities,
  session: Session = processSession(),
): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = createProgram({ ...capabilities, session, endWith: (code) => (exitCode = code) });
  // Without a listener, a reader that goes away (`| head`) would end the process by an exception.
  for (const stream of [session.stdout, session.stderr]) stream.on('error', tellWriter);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    return await failure(error, args[0] === 'run', session);
  }
}

/** `write` has rejected with the same error already. */
function tellWriter(): void {}

async function failure(thrown: unknown, isRun: boolean, session: Session): Promise<number> {
  if (isBrokenPipe(thrown)) return EXIT.brokenPipe;
  if (thrown instanceof CommanderError)
    return thrown.exitCode === 0 ? EXIT.done : isRun ? EXIT.runFailed : EXIT.usage;
  const known = isBulkheadError(thrown) ? thrown : unexpected(thrown);
  try {
    await write(session.stderr, `bulkhead: ${printableLines(known.message)}\n`);
  } catch (unwritable) {
    if (!isBrokenPipe(unwritable)) throw unwritable;
  }
  return isRun ? EXIT.runFailed : exitCodeOf(known.code);
}

function unexpected(error: unknown): BulkheadError {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new BulkheadError('internal', `Something went wrong that should not: ${detail}`, { cause: error });
}

import { writeSync } from 'node:fs';
import { exitCodeOf } from './cli/exit-codes.ts';
import { isBulkheadError } from './errors.ts';
import { printableLines } from './printable.ts';

/** Says on standard error why a process of the server ends, as the command line does. Its exit code. */
export function tellFailure(error: unknown): number {
  const known = isBulkheadError(error) ? error : undefined;
  const said = known?.message ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
  writeSync(2, `bulkhead: ${printableLines(said)}\n`);
  return exitCodeOf(known?.code ?? 'internal');
}

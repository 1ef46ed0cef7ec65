import { isTerminal } from '../tes/states.ts';
import { knownState } from './follow.ts';
import type { LogLine } from './log-stream.ts';
import { note, write, writeLine } from './output.ts';
import type { Session } from './session.ts';

export interface LogPrinterOptions {
  readonly isJson: boolean;
  /** Nothing but the task's own output. */
  readonly isQuiet: boolean;
}

/**
 * Prints what a task does. The task's streams pass through as they are, each to its own stream of ours; all else
 * goes to standard error. With JSON every line goes to standard output as the server sent it.
 */
export function logPrinter(
  session: Session,
  { isJson, isQuiet }: LogPrinterOptions,
): (line: LogLine) => Promise<void> {
  return async (line) => {
    if (isJson) await writeLine(session.stdout, JSON.stringify(line));
    else if (line.kind === 'output') await write(session[line.stream], Buffer.from(line.data, 'base64'));
    else if (!isQuiet) await tell(line);
  };

  async function tell(line: Exclude<LogLine, { kind: 'output' }>): Promise<void> {
    if (line.kind === 'progress') await note(session, line.message);
    // The end is told once it is known why.
    else if (line.kind === 'state' && !isTerminal(knownState(line.state))) await note(session, line.state);
    else if (line.kind === 'exit' && line.exitCode !== 0) {
      await note(session, `executor ${line.executor} ended with exit code ${line.exitCode}`);
    }
  }
}

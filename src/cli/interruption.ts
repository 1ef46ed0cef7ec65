import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import { note } from './output.ts';
import type { Session } from './session.ts';

export interface Interruption {
  /** Aborted once the caller should leave the task alone and end. */
  readonly left: AbortSignal;
  /** Signals work as they did before. */
  stop(): void;
}

/**
 * What Ctrl-C does while a task is followed. At a terminal it asks whether to cancel the task; a second one
 * leaves it running. Where nobody can answer (no terminal, or a SIGTERM) the first cancels at once.
 */
export function watchInterruption(session: Session, id: string, cancel: () => Promise<void>): Interruption {
  const leaving = new AbortController();
  let presses = 0;
  let question: Interface | undefined;
  const restore = session.onSignal(['SIGINT', 'SIGTERM'], (signal) => {
    presses++;
    question?.close();
    if (presses > 1) leaving.abort();
    else if (signal === 'SIGINT' && session.stdin.isTTY === true) ask();
    else cancelNow();
  });
  return {
    left: leaving.signal,
    stop() {
      restore();
      question?.close();
    },
  };

  function ask(): void {
    const asked = createInterface({ input: session.stdin, output: session.stderr, terminal: false });
    question = asked;
    asked.question(`\nCancel task ${id}? [y/N] (Ctrl-C again leaves it running) `, (answer) => {
      asked.close();
      if (/^y(es)?$/i.test(answer.trim())) cancelNow();
      else presses = 0;
    });
  }

  function cancelNow(): void {
    presses = Math.max(presses, 1);
    tell(`cancelling task ${id}; interrupt again to leave it`);
    cancel().catch((error: unknown) => tell(`the task could not be canceled: ${String(error)}`));
  }

  function tell(message: string): void {
    note(session, message).catch(() => leaving.abort());
  }
}

import { text } from 'node:stream/consumers';
import { BulkheadError } from '../errors.ts';
import { write } from './output.ts';
import type { Session } from './session.ts';

/** Asks for a new password twice without showing it; where there is no terminal, reads the first line of standard input. */
export async function readNewPassword(session: Session, name: string): Promise<string> {
  if (session.stdin.isTTY !== true) return (await text(session.stdin)).split(/\r?\n/)[0] ?? '';
  const password = await readHidden(session, `Password for ${name}: `);
  if ((await readHidden(session, 'Again: ')) === password) return password;
  throw new BulkheadError('invalid', 'The two passwords differ: nothing was changed');
}

/** One line of a terminal that doesn't show what is typed. Throws `canceled` at Ctrl-C and Ctrl-D. */
async function readHidden(session: Session, prompt: string): Promise<string> {
  const { stdin, stderr } = session;
  // Hidden before it is asked for: what is typed early is not shown either.
  stdin.setRawMode?.(true);
  try {
    await write(stderr, prompt);
    stdin.resume();
    return await new Promise<string>((resolve, reject) => {
      const decoder = new TextDecoder();
      let line = '';
      stdin.on('data', onData);

      function onData(chunk: string | Buffer): void {
        const typed = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
        for (const character of typed) {
          if (character === '\r' || character === '\n') return end(() => resolve(line));
          if (character === '\u0003' || character === '\u0004') return end(() => reject(stopped()));
          line =
            character === '\u007f' || character === '\b'
              ? Array.from(line).slice(0, -1).join('')
              : line + character;
        }
      }

      function end(settle: () => void): void {
        stdin.off('data', onData);
        settle();
      }
    });
  } finally {
    stdin.pause();
    stdin.setRawMode?.(false);
    await write(stderr, '\n');
  }
}

function stopped(): BulkheadError {
  return new BulkheadError('canceled', 'Stopped: nothing was changed');
}

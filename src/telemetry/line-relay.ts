import type { Readable } from 'node:stream';

/** Of a line that is passed on whole. The longest that the server writes are stacks of errors. */
export const MAX_LINE_BYTES = 256 * 1024;

const LINE_END = 0x0a;

/**
 * Passes on lines of a process that isn't trusted, each with its end, one after another: while one is being written no
 * more is read. One that is too long is cut, and told to be; no more of it is ever held. Never throws.
 */
export async function relayLines(
  from: Readable,
  write: (line: Buffer) => void | Promise<void>,
): Promise<void> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let lostBytes = 0;

  function hold(bytes: Buffer): void {
    const part = bytes.subarray(0, MAX_LINE_BYTES - heldBytes);
    // A copy: what stays of a large piece would keep all of it.
    if (part.length > 0) held.push(Buffer.from(part));
    heldBytes += part.length;
    lostBytes += bytes.length - part.length;
    if (held.length > MAX_PIECES) held = [Buffer.concat(held)];
  }

  async function end(): Promise<void> {
    const [line, lost] = [Buffer.concat([...held, Buffer.of(LINE_END)]), lostBytes];
    [held, heldBytes, lostBytes] = [[], 0, 0];
    await write(line);
    if (lost > 0) await write(cutLine(lost));
  }

  try {
    for await (const chunk of from) {
      let rest = Buffer.from(chunk);
      for (let at = rest.indexOf(LINE_END); at >= 0; at = rest.indexOf(LINE_END)) {
        hold(rest.subarray(0, at));
        await end();
        rest = rest.subarray(at + 1);
      }
      hold(rest);
    }
  } catch {
    // Its end, however it came.
  }
  if (heldBytes > 0) await end();
}

/** Pieces of one line that are held one by one, lest many small ones take more than what they say. */
const MAX_PIECES = 64;

function cutLine(lost: number): Buffer {
  const msg = `the line before this one was cut after ${MAX_LINE_BYTES} bytes; ${lost} more were left out`;
  return Buffer.from(`${JSON.stringify({ level: 'warn', msg, time: new Date().toISOString() })}\n`);
}

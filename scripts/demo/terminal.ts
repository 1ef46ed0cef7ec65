/** A line that is written over on a terminal, and plain lines where the output goes to a file or a pipe. */
export interface Terminal {
  heading(text: string): void;
  line(text: string): void;
  /** What is going on now; `clock` alone never makes a new line. */
  live(text: string, clock: string): void;
}

export function openTerminal(output: NodeJS.WriteStream): Terminal {
  const isLive = output.isTTY && process.env['TERM'] !== 'dumb';
  const clear = isLive ? '\r\u001b[2K' : '';
  const bold = (text: string) => (isLive ? `\u001b[1m${text}\u001b[0m` : text);
  // Whoever reads this may go away (`| head`): the server must be stopped nevertheless.
  output.on('error', () => {});
  let last = '';
  return {
    heading: (text) => output.write(`${clear}\n${bold(text)}\n`),
    line: (text) => output.write(`${clear}  ${text}\n`),
    live: (text, clock) => {
      if (isLive) {
        // A line that wraps can't be written over.
        output.write(`${clear}  ${text}  ${clock}`.slice(0, clear.length + (output.columns || 80) - 1));
      } else if (text !== last) {
        output.write(`  ${text}\n`);
      }
      last = text;
    },
  };
}

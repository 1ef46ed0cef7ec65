/** Programs that tests start as processes of their own, to kill them or to take something from them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Child {
  readonly process: ChildProcess;
  /** What it wrote to stdout so far, whole lines only. */
  readonly lines: readonly string[];
  /** Resolves with a line that has come or will come; rejects when the process ends without it. */
  line(matches: (line: string) => boolean): Promise<string>;
  /** Resolves with the exit code, or null where a signal ended it, once stdout was read to its end. */
  readonly ended: Promise<number | null>;
}

/** Runs a TypeScript program of `test/store/`, with another command in front where one is given. */
export function startChild(
  program: string,
  args: readonly string[],
  options: { through?: readonly string[]; uid?: number } = {},
): Child {
  const script = fileURLToPath(new URL(program, import.meta.url));
  const [command = process.execPath, ...rest] = [
    ...(options.through ?? []),
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    '--expose-gc',
    script,
    ...args,
  ];
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return {
    process: child,
    lines,
    ended,
    line(matches) {
      const found = lines.find(matches);
      if (found !== undefined) return Promise.resolve(found);
      return new Promise((resolve, reject) => {
        reader.on('line', (line) => {
          if (matches(line)) resolve(line);
        });
        child.once('close', (code) => reject(new Error(`${program} ended with ${code} before that line`)));
      });
    },
  };
}

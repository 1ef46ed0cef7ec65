import { pointerTo } from './faults.ts';
import type { Faults } from './faults.ts';
import { imageProblem } from './image-name.ts';
import { pathProblem, shown, textProblem } from './path.ts';
import type { Draft } from './shape.ts';
import type { TesExecutor } from './task.ts';

/** The longest argument or `NAME=value` that Linux passes to a process, with its NUL; `execve(2)`, MAX_ARG_STRLEN. */
const MAX_ARGUMENT_BYTES = 131_072;
/** What all arguments and variables may have together: a quarter of the usual stack of 8 MiB, less some room for the image's own. */
const MAX_ARGUMENTS_BYTES = 2 ** 21 - 2 ** 17;
/** Each argument costs its NUL and a pointer besides. */
const ARGUMENT_OVERHEAD_BYTES = 9;

/** Finds what no Linux process could be started with, and paths that can't be. */
export function checkExecutor(at: string, executor: Draft<TesExecutor>, faults: Faults): void {
  if (executor.image !== undefined) faults.add(at, 'image', imageProblem(executor.image));
  for (const key of ['workdir', 'stdin', 'stdout', 'stderr'] as const) {
    const path = executor[key];
    if (path !== undefined) faults.add(at, key, pathProblem(path));
  }
  const bytes = checkCommand(at, executor.command, faults) + checkEnvironment(at, executor.env, faults);
  if (bytes > MAX_ARGUMENTS_BYTES) {
    const problem = `and env have ${bytes} bytes; Linux passes at most ${MAX_ARGUMENTS_BYTES} to a process: send the rest as inputs with content`;
    faults.add(at, 'command', problem);
  }
}

function checkCommand(at: string, command: Draft<string[]> | undefined, faults: Faults): number {
  if (command === undefined) return 0;
  if (command.length === 0 || command[0] === '')
    faults.add(at, 'command', 'must begin with the program to run, and is empty');
  let bytes = 0;
  const field = pointerTo(at, 'command');
  command.forEach((argument = '', position) => {
    const length = Buffer.byteLength(argument);
    bytes += length + ARGUMENT_OVERHEAD_BYTES;
    faults.add(field, position, textProblem(argument) ?? lengthProblem(length));
  });
  return bytes;
}

function checkEnvironment(
  at: string,
  env: Draft<Record<string, string>> | undefined,
  faults: Faults,
): number {
  let bytes = 0;
  const field = pointerTo(at, 'env');
  for (const [name, value = ''] of Object.entries(env ?? {})) {
    const length = Buffer.byteLength(name) + 1 + Buffer.byteLength(value);
    bytes += length + ARGUMENT_OVERHEAD_BYTES;
    faults.add(field, name, nameProblem(name) ?? textProblem(value) ?? lengthProblem(length));
  }
  return bytes;
}

function nameProblem(name: string): string | undefined {
  if (name === '') return 'has an empty name';
  return name.includes('=') ? `must not have "=" in its name: ${shown(name)}` : textProblem(name);
}

function lengthProblem(bytes: number): string | undefined {
  if (bytes < MAX_ARGUMENT_BYTES) return undefined;
  return `has ${bytes} bytes; Linux passes at most ${MAX_ARGUMENT_BYTES - 1} to a process: send it as an input with content`;
}

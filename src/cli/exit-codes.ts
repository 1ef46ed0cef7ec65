import type { ErrorCode } from '../errors.ts';

/**
 * How a command ends. `run` ends with its task's exit code instead; where it has none, with `runFailed` or
 * `interrupted`, which docker uses in the same way. Documented in docs/cli.md.
 */
export const EXIT = {
  done: 0,
  /** The command did its work, and the answer is bad: a task that failed, a check that failed. */
  negative: 1,
  /** Wrong options, arguments or configuration. */
  usage: 2,
  unreachable: 3,
  /** No or wrong credentials, or not allowed. */
  denied: 4,
  notFound: 5,
  /** The server refused the document, or its policy did. */
  refused: 6,
  /** Anything else that went wrong, at the server or here. */
  failed: 7,
  /** `run`: the task ended as SYSTEM_ERROR, or couldn't be submitted or followed. */
  runFailed: 125,
  /** `run`: the task was canceled, or left by Ctrl-C. */
  interrupted: 130,
  /** Whoever read our output went away. */
  brokenPipe: 141,
} as const;

export function exitCodeOf(code: ErrorCode): number {
  return BY_CODE[code] ?? EXIT.failed;
}

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  config: EXIT.usage,
  unreachable: EXIT.unreachable,
  unauthenticated: EXIT.denied,
  forbidden: EXIT.denied,
  'not-found': EXIT.notFound,
  invalid: EXIT.refused,
  refused: EXIT.refused,
  conflict: EXIT.refused,
  'too-large': EXIT.refused,
};

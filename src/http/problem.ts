import { STATUS_CODES } from 'node:http';
import { isBulkheadError } from '../errors.ts';
import type { BulkheadError, ErrorCode, FieldFault } from '../errors.ts';

/** A problem document. Source: RFC 9457, section 3. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The same for the log: whoever reports an internal error can name it. */
  readonly instance?: string;
  readonly errors?: readonly ProblemDetail[];
}

/** One fault: of the body by a JSON pointer as a URI fragment, or of a parameter or header by its name. */
export type ProblemDetail =
  | { readonly detail: string; readonly pointer: string }
  | { readonly detail: string; readonly parameter: string };

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

interface Kind {
  readonly status: number;
  readonly title: string;
  /** Told in place of the message, which may say what is the operator's business alone. */
  readonly instead?: string;
}

const INTERNAL: Kind = {
  status: 500,
  title: 'Internal error',
  instead: 'Something went wrong that should not have. The log of the server says more.',
};
const UNAVAILABLE: Kind = {
  status: 503,
  title: 'Not available now',
  instead: "The server can't store or read tasks now. Try again later; the log of the server says more.",
};

const KINDS: Readonly<Record<ErrorCode, Kind>> = {
  invalid: { status: 400, title: 'Not valid' },
  refused: { status: 400, title: 'Refused by this site' },
  unauthenticated: { status: 401, title: 'Not authenticated' },
  forbidden: { status: 403, title: 'Forbidden' },
  'not-found': { status: 404, title: 'Not found' },
  conflict: { status: 409, title: 'Conflict' },
  'too-large': { status: 413, title: 'Too large' },
  'image-reference': { status: 400, title: "Image can't be used" },
  'image-not-found': { status: 400, title: "Image can't be used" },
  'image-platform': { status: 400, title: "Image can't be used" },
  'image-invalid': { status: 400, title: "Image can't be used" },
  registry: { status: 502, title: 'Registry failed' },
  'storage-unsupported': { status: 400, title: "Location can't be used" },
  'storage-denied': { status: 400, title: "Location can't be used" },
  'storage-not-found': { status: 400, title: "Location can't be used" },
  'storage-failed': { status: 502, title: 'Storage failed' },
  busy: { status: 503, title: 'Busy' },
  'store-locked': UNAVAILABLE,
  'store-read-only': UNAVAILABLE,
  'disk-full': UNAVAILABLE,
  canceled: UNAVAILABLE,
  config: INTERNAL,
  unreachable: INTERNAL,
  host: INTERNAL,
  store: INTERNAL,
  'store-newer': INTERNAL,
  warden: INTERNAL,
  runtime: INTERNAL,
  evidence: INTERNAL,
  'attempt-lost': INTERNAL,
  fenced: INTERNAL,
  internal: INTERNAL,
};

/** Of the request that failed. */
export interface ProblemContext {
  readonly id: string;
  readonly method: string;
}

/** What a caller is told of an error. Only what was thrown on purpose, for callers, keeps its message. */
export function problemOf(error: unknown, request: ProblemContext): Problem {
  const requestId = request.id;
  if (isBulkheadError(error)) return bulkheadProblem(error, request);
  const status = statusOf(error);
  if (status === undefined || status >= 500) return problem('internal', INTERNAL, { requestId });
  // Fastify's own errors below 500, and ours of HTTP: their messages are about the request alone.
  const title = STATUS_CODES[status] ?? 'Error';
  const detail = error instanceof Error ? error.message : title;
  return problem(title.toLowerCase().replaceAll(' ', '-'), { status, title }, { detail, requestId });
}

function bulkheadProblem(error: BulkheadError, { id: requestId, method }: ProblemContext): Problem {
  const kind = KINDS[error.code];
  if (kind.instead !== undefined || error.fields.length === 0)
    return problem(error.code, kind, { detail: error.message, requestId });
  const errors = error.fields.map((fault) => detailOf(fault, method !== 'POST'));
  return problem(error.code, kind, { detail: error.message, requestId, errors });
}

interface Occurrence {
  readonly detail?: string;
  readonly requestId: string;
  readonly errors?: readonly ProblemDetail[];
}

function problem(
  code: string,
  { status, title, instead }: Kind,
  { detail, requestId, errors }: Occurrence,
): Problem {
  return {
    type: `urn:bulkhead:problem:${code}`,
    title,
    status,
    detail: instead ?? detail ?? title,
    ...(status >= 500 && { instance: `urn:bulkhead:request:${requestId}` }),
    ...(errors && { errors }),
  };
}

/** A fault's field is a JSON pointer into the body, empty for all of it; or a parameter or header, with or without the slash. */
function detailOf({ field, problem: detail }: FieldFault, hasNoBody: boolean): ProblemDetail {
  if (hasNoBody) return { detail, parameter: field.replace(/^\//, '') };
  return field === '' || field.startsWith('/')
    ? { detail, pointer: `#${encodeURI(field.toWellFormed()).replaceAll('#', '%23')}` }
    : { detail, parameter: field };
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  const { statusCode } = error;
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode <= 599 ? statusCode : undefined;
}

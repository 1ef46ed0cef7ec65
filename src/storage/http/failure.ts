import { BulkheadError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { shownUrl } from './location.ts';

const STATUS_CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'storage-denied',
  403: 'storage-denied',
  404: 'storage-not-found',
  410: 'storage-not-found',
  507: 'disk-full',
};

/** Nothing is missing that was to be written: a PUT that isn't found has failed. */
export function statusFailure(url: URL, status: number, method: 'GET' | 'PUT'): BulkheadError {
  const code = STATUS_CODES[status] ?? 'storage-failed';
  return new BulkheadError(
    code === 'storage-not-found' && method === 'PUT' ? 'storage-failed' : code,
    `${method} ${shownUrl(url)} answered with status ${status}`,
  );
}

/** Whatever was thrown on the way, as an error of ours. */
export function failureOf(url: URL, error: unknown, signal: AbortSignal): BulkheadError {
  if (error instanceof BulkheadError) return error;
  if (signal.aborted)
    return new BulkheadError('canceled', `the task was canceled during the transfer of ${shownUrl(url)}`);
  const reason = error instanceof Error ? error.message : String(error);
  return new BulkheadError('storage-failed', `${shownUrl(url)}: ${printable(reason)}`, { cause: error });
}

/** Errors of the network, of the resolver and of undici that the next try may not meet. */
const PASSING = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
]);

export function isPassing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && PASSING.has(String(error.code));
}

import { BulkheadError } from '../errors.ts';
import type { ErrorCode, FieldFault } from '../errors.ts';

/** What a response that isn't a success says, as an error: the server's RFC 9457 document where it sent one. */
export async function problemOf(
  response: Response,
  remedy: { readonly base: string },
): Promise<BulkheadError> {
  const text = await response.text().catch(() => '');
  const document = parsed(text);
  const said = [document['detail'], document['title'], document['msg']].find(
    (value) => typeof value === 'string',
  );
  const fields = fieldsOf(document['errors']);
  const lines = fields.filter(
    ({ field, problem }) =>
      ![`${field}: ${problem}`, `${field} ${problem}`].some((line) => said?.includes(line)),
  );
  const message = [
    said ?? `The server answered ${response.status} ${response.statusText}`,
    ...lines.map(({ field, problem }) => `  ${field}: ${problem}`),
    ...hintOf(response, remedy.base),
  ];
  return new BulkheadError(codeOf(response.status), message.join('\n'), { fields });
}

function codeOf(status: number): ErrorCode {
  return STATUS_CODES.get(status) ?? (status >= 400 && status < 500 ? 'invalid' : 'internal');
}

const STATUS_CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [401, 'unauthenticated'],
  [403, 'forbidden'],
  [404, 'not-found'],
  [409, 'conflict'],
  [413, 'too-large'],
  [429, 'busy'],
  [503, 'busy'],
]);

function hintOf({ status, url }: Response, base: string): string[] {
  const { pathname } = new URL(base);
  // Of a task that isn't there the server says so; an address with a path may well be a wrong one.
  if (status === 404 && pathname !== '/')
    return [
      `Is ${base} the server's address? It is the one before ${new URL(url).pathname.slice(pathname.length)}.`,
    ];
  if (status === 401) return ['Set BULKHEAD_TOKEN, or BULKHEAD_USER and BULKHEAD_PASSWORD.'];
  if (status >= 300 && status < 400)
    return [`Nothing was done: ${base} sends its callers elsewhere. Give the final address with --server.`];
  return [];
}

function fieldsOf(errors: unknown): FieldFault[] {
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const { pointer, parameter, detail }: Record<string, unknown> = { ...entry };
    const where = [pointer, parameter].find((value) => typeof value === 'string');
    return where === undefined || typeof detail !== 'string'
      ? []
      : [{ field: plain(where), problem: detail }];
  });
}

/** A JSON pointer as a URI fragment (RFC 6901, section 6) without its disguise. */
function plain(where: string): string {
  if (!where.startsWith('#')) return where;
  try {
    return decodeURIComponent(where.slice(1));
  } catch {
    return where;
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { BulkheadError } from '../errors.ts';
import { HttpError } from './http-error.ts';
import { parseJson } from './json-text.ts';

/**
 * Types under which a client may send JSON. A body without a type is taken as JSON too, and so is what `curl -d`
 * and simple scripts call it; what says that it is something else is refused.
 */
const JSON_TYPES =
  /^(?:application\/(?:[\w.+-]+\+)?json|text\/json|text\/plain|application\/x-www-form-urlencoded|application\/octet-stream)$/i;
const BYTE_ORDER_MARK = /^\uFEFF/;

/** Reads each body of a server as JSON, whatever it is called, up to a limit of bytes. */
export function readJsonBodies(
  app: FastifyInstance,
  limits: { readonly bodyBytes: number; readonly jsonDepth: number },
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    // The usual type is named too: Fastify looks it up faster than what falls to the rest.
    ['application/json', '*'],
    { parseAs: 'buffer', bodyLimit: limits.bodyBytes },
    async (request: { headers: Headers }, body: Buffer) => {
      checkHeaders(request.headers);
      if (body.length === 0) return undefined;
      if (!isUtf8(body)) throw new BulkheadError('invalid', 'The body is not UTF-8; JSON is always UTF-8.');
      return parseJson(body.toString('utf8').replace(BYTE_ORDER_MARK, ''), { maxDepth: limits.jsonDepth });
    },
  );
}

/** Never looks at a body, nor at what it is called. */
export function ignoreBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(null, undefined);
  });
}

interface Headers {
  readonly 'content-type'?: string | undefined;
  readonly 'content-encoding'?: string | undefined;
}

function checkHeaders({ 'content-type': type, 'content-encoding': encoding }: Headers): void {
  const [essence = ''] = (type ?? '').split(';');
  if (essence.trim() !== '' && !JSON_TYPES.test(essence.trim())) {
    throw new HttpError(
      415,
      `The body's type is ${JSON.stringify(essence.trim().slice(0, 100))}; send application/json.`,
    );
  }
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new HttpError(
      415,
      `The body's encoding is ${JSON.stringify(encoding.slice(0, 100))}; send it without.`,
    );
  }
}

import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BulkheadError, isBulkheadError } from '../errors.ts';
import { HttpError } from './http-error.ts';
import { PROBLEM_TYPE, problemOf } from './problem.ts';
import { retryAfter } from './retry-after.ts';

/** Answers every error, and every address that isn't one, with a problem document. */
export function handleErrors(app: FastifyInstance, challenges: readonly string[], bodyBytes: number): void {
  app.setErrorHandler((error, request, reply) =>
    sendProblem(explained(error, bodyBytes), request, reply, challenges),
  );
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]?.slice(0, 200);
    return sendProblem(
      new BulkheadError('not-found', `There is nothing at ${path}.`),
      request,
      reply,
      challenges,
    );
  });
}

export function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  challenges: readonly string[] = [],
): FastifyReply {
  const problem = problemOf(error, request);
  if (problem.status >= 500)
    request.log.error({ err: error, instance: problem.instance }, 'a request failed');
  if (error instanceof HttpError) reply.headers(error.headers);
  if (problem.status === 401 && challenges.length > 0) reply.header('www-authenticate', [...challenges]);
  const wait = isBulkheadError(error) && problem.status === 503 ? retryAfter(error) : undefined;
  if (wait !== undefined) reply.header('retry-after', wait);
  // Serialised here: a route's schemas are for its own answers.
  return reply
    .code(problem.status)
    .header('content-type', PROBLEM_TYPE)
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problem);
}

/** Fastify says that a body is too large, but not how large one may be. */
function explained(error: unknown, bodyBytes: number): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'FST_ERR_CTP_BODY_TOO_LARGE'))
    return error;
  const remedy = 'put large inputs where a URL can name them';
  return new BulkheadError(
    'too-large',
    `The body is larger than ${bodyBytes} bytes (server.body_limit); ${remedy}.`,
  );
}

/** For what isn't HTTP, so that no request exists. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS_OF_PARSER.get(error.code ?? '') ?? 400;
  const problem = problemOf(new HttpError(status, DETAILS.get(status) ?? 'This is not HTTP/1.1.'), {
    id: '',
    method: '',
  });
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${status} ${problem.title}\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** Of Node's parser; `http` in its manual, event `clientError`. */
const STATUS_OF_PARSER = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
]);
const DETAILS = new Map([
  [431, 'The headers of the request are too large.'],
  [408, 'The request took too long to arrive.'],
]);

import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Answer = (response: ServerResponse, request: ReceivedRequest) => void | Promise<void>;

export interface ScriptedServer {
  readonly url: string;
  readonly received: readonly ReceivedRequest[];
  close(): Promise<void>;
}

/**
 * A real HTTP server that answers what the test says, by `METHOD /path` without the query; of a list of answers,
 * each is given once and the last from then on. Anything else is 404.
 */
export async function scriptedServer(
  script: Readonly<Record<string, Answer | readonly Answer[]>>,
  port = 0,
): Promise<ScriptedServer> {
  const received: ReceivedRequest[] = [];
  const rest = new Map(Object.entries(script).map(([key, answers]) => [key, [answers].flat()]));
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    );
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const seen: ReceivedRequest = { method, url, headers, body: await text(request) };
    received.push(seen);
    const answers = rest.get(`${method} ${url.split('?')[0]}`) ?? [];
    const next = answers.length > 1 ? answers.shift() : answers[0];
    await (next ?? problem(404, 'There is no such task'))(response, seen);
  }
}

export function json(value: unknown, status = 200): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
}

/** RFC 9457. */
export function problem(
  status: number,
  detail: string,
  errors: readonly ({ pointer: string; detail: string } | { parameter: string; detail: string })[] = [],
): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ type: 'about:blank', title: 'A problem', status, detail, errors }));
  };
}

/** Lines of newline-delimited JSON; with `breaks`, the connection then breaks off in the middle of a line. */
export function lines(values: readonly unknown[], { breaks = false } = {}): Answer {
  return async (response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (const value of values)
      await new Promise((resolve) => response.write(`${JSON.stringify(value)}\n`, resolve));
    if (!breaks) response.end();
    else response.write('{"kind":"outp', () => response.socket?.destroySoon());
  };
}

export function output(written: string | Uint8Array, stream: 'stdout' | 'stderr' = 'stdout', executor = 0) {
  return { kind: 'output', executor, stream, data: Buffer.from(written).toString('base64') };
}

export function state(name: string, at = 0) {
  return { kind: 'state', state: name, at };
}

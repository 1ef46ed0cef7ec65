import { once } from 'node:events';
import { createServer } from 'node:http';

/** A real web server on the loopback, with files that tests put there; one may be held back. */
export interface Web extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** How often each path was asked for. */
  readonly asked: ReadonlyMap<string, number>;
  /** Answers at `http://HOST/PATH`, once it is let go. */
  put(path: string, content: string, until?: Promise<void>): string;
}

export async function startWeb(): Promise<Web> {
  const files = new Map<string, { readonly content: string; readonly until: Promise<void> | undefined }>();
  const asked = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = (request.url ?? '').slice(1);
    asked.set(path, (asked.get(path) ?? 0) + 1);
    const file = files.get(path);
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    void Promise.resolve(file.until).then(() => response.end(file.content));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const host = `127.0.0.1:${address.port}`;
  return {
    host,
    asked,
    put(path, content, until) {
      files.set(path, { content, until });
      return `http://${host}/${path}`;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

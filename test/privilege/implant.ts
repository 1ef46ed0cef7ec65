/**
 * Code of an attacker within the process that speaks HTTP: it has that process's user, its jail, and the very connection on
 * which it asks the warden. Loaded by NODE_OPTIONS, which are the operator's; what it is told, it does.
 */
import { subscribe } from 'node:diagnostics_channel';
import { createServer, Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { netstring, NetstringReader } from '../../src/warden/netstring.ts';

const port = Number(process.env['IMPLANT_PORT']);
const isServer = process.getuid?.() !== 0 && isMainThread && port > 0;

/** Numbers that the server itself doesn't reach. */
let serial = 1_000_000_000;
let calls: Socket | undefined;
let reader: NetstringReader | undefined;
const waiting = new Map<number, (answer: unknown) => void>();

/** A request in the server's name; resolves with the whole answer. */
async function ask(method: string, params: unknown): Promise<unknown> {
  if (calls === undefined) throw new Error('the server has no connection to its warden');
  if (reader === undefined) {
    const own = (reader = new NetstringReader());
    calls.on('data', (bytes: Buffer) => {
      for (const text of own.push(bytes)) {
        const answer: { id: number } = JSON.parse(text.toString('utf8'));
        waiting.get(answer.id)?.(answer);
      }
    });
  }
  serial += 1;
  const answered = new Promise((resolve) => waiting.set(serial, resolve));
  calls.write(netstring(JSON.stringify({ id: serial, method, params })));
  return await answered;
}

type Work = (ask: unknown, load: (name: string) => Promise<unknown>) => Promise<unknown>;

async function done(code: string): Promise<string> {
  try {
    const text = `export default async (ask, load) => { ${code} }`;
    const module: { default: Work } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
    const value = await module.default(ask, async (name) => await import(name));
    return JSON.stringify({ value: value ?? null });
  } catch (error) {
    return JSON.stringify({ thrown: String(error) });
  }
}

if (isServer) {
  subscribe('net.client.socket', (message) => {
    if (typeof message !== 'object' || message === null || !('socket' in message)) return;
    if (message.socket instanceof Socket) calls ??= message.socket;
  });
  createServer({ allowHalfOpen: true }, (socket) => {
    let code = '';
    socket.setEncoding('utf8').on('data', (text) => (code += String(text)));
    socket.on('end', () => void done(code).then((answer) => socket.end(answer)));
  })
    .listen(port, '127.0.0.1')
    .unref();
}

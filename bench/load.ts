/**
 * A process of its own, so that clients don't wait for the server's thread: `node bench/load.ts HOST PORT CLIENTS COUNT MS`
 * sends creates from so many kept connections, one after the other on each, until the count or the time is reached.
 * Writes one line of JSON: how many were answered, and in how many milliseconds.
 */
import { connect, type Socket } from 'node:net';

const [host = '', port = '', clients = '1', count = '0', milliseconds = '0'] = process.argv.slice(2);
const body = JSON.stringify({
  name: 'align',
  tags: { project: 'lambda', sample: 's1' },
  inputs: [{ path: '/data/reads.fq', url: 'file:///data/reads.fq' }],
  outputs: [{ path: '/data/out.bam', url: 'file:///data/out.bam' }],
  // No server has this image: what is left at the end of the benchmark fails before anything of it is made.
  executors: [{ image: 'bulkhead-bench/none', command: ['bwa', 'mem', 'ref.fa', 'reads.fq'] }],
  resources: { cpu_cores: 1, ram_gb: 0.125, disk_gb: 0.125 },
});
const request = Buffer.from(
  `POST /ga4gh/tes/v1/tasks HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
);
const start = performance.now();
const deadline = start + Number(milliseconds);
let sent = 0;
let answered = 0;

await Promise.all(Array.from({ length: Number(clients) }, client));
process.stdout.write(`${JSON.stringify({ answered, milliseconds: performance.now() - start })}\n`);

async function client(): Promise<void> {
  const socket = connect({ host, port: Number(port), noDelay: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.on('error', reject);
  socket.on('close', () => resolve());
  let pending = '';
  socket.on('data', (bytes: Buffer) => {
    pending += bytes.toString('latin1');
    const end = pending.indexOf('\r\n\r\n');
    const length = Number(/^content-length: (\d+)/im.exec(pending)?.[1]);
    if (end < 0 || pending.length < end + 4 + length) return;
    if (!pending.startsWith('HTTP/1.1 200')) {
      reject(new Error(pending));
      return;
    }
    pending = '';
    answered += 1;
    next(socket);
  });
  socket.on('connect', () => next(socket));
  await promise;
}

function next(socket: Socket): void {
  if (sent >= Number(count) || performance.now() >= deadline) {
    socket.end();
    return;
  }
  sent += 1;
  socket.write(request);
}

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestServer } from '../test/fixtures/server.ts';

const LOAD = fileURLToPath(new URL('load.ts', import.meta.url));

/** Creates from a process of its own over so many kept connections, until the count or the time is reached. */
export async function createTasks(
  server: TestServer,
  clients: number,
  count: number,
  milliseconds: number,
): Promise<{ answered: number; rate: number }> {
  const { hostname, port } = new URL(server.address);
  const args = [LOAD, hostname, port, ...[clients, count, milliseconds].map(String)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const result: { answered: number; milliseconds: number } = JSON.parse(stdout);
  return { answered: result.answered, rate: (result.answered * 1000) / result.milliseconds };
}

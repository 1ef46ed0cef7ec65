import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type Client } from '../../src/cli/client.ts';
import type { SandboxReport } from './report.ts';

export interface DemoFolders {
  /** Everything of the demo is below it. */
  readonly home: string;
  readonly images: string;
  readonly inputs: string;
  readonly results: string;
  /** Where running tasks are mounted; removed at the end. */
  readonly run: string;
}

export interface DemoServer {
  readonly client: Client;
  readonly url: string;
  readonly pid: number;
  /** What was enforced for a task, with its evidence: Bulkhead's own addition to TES. */
  sandbox(id: string): Promise<SandboxReport>;
  /** Asks it to end and waits for that. */
  stop(): Promise<void>;
}

const START_MS = 30_000;
const STOP_MS = 60_000;

/** Starts the real server as a process of its own, on a free port of the loopback, and waits until it answers. */
export async function startServer(checkout: string, folders: DemoFolders): Promise<DemoServer> {
  const port = await freePort();
  const config = join(folders.home, 'config.yaml');
  await writeFile(config, configuration(port, folders));
  await mkdir(folders.results, { recursive: true });

  const logFile = join(folders.home, 'server.log');
  const log = openSync(logFile, 'w');
  // Of its own process group: Ctrl-C ends the demo, which then cancels the task before it stops the server.
  const child = spawn(join(checkout, 'bin', 'bulkhead'), ['serve', '--config', config], {
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const exited = once(child, 'exit').then(([code, signal]) => String(signal ?? code));
  let ended: string | undefined;
  void exited.then(
    (how) => (ended = how),
    (error: unknown) => (ended = String(error)),
  );

  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_MS;
  while (!(await isReady(url))) {
    if (ended !== undefined || Date.now() > deadline) {
      child.kill('SIGKILL');
      const how = ended === undefined ? `did not answer within ${START_MS / 1000} s` : `ended (${ended})`;
      throw new Error(`the server ${how}; ${logFile} says:\n${await readFile(logFile, 'utf8')}`);
    }
    await delay(50);
  }
  const { pid } = child;
  if (pid === undefined) throw new Error('the server has no process id');

  return {
    client: createClient({ base: url, authorization: undefined, isExposed: false }),
    url,
    pid,
    sandbox: async (id) => {
      const response = await fetch(`${url}/bulkhead/v1/tasks/${id}/sandbox`);
      if (!response.ok) throw new Error(`the sandbox of ${id}: HTTP ${response.status}`);
      const report: SandboxReport = JSON.parse(await response.text());
      return report;
    },
    stop: async () => {
      if (ended !== undefined) return;
      child.kill('SIGTERM');
      const how = await Promise.race([exited, delay(STOP_MS, undefined, { ref: false })]);
      if (how !== undefined) return;
      child.kill('SIGKILL');
      throw new Error(`the server did not end within ${STOP_MS / 1000} s after SIGTERM; see ${logFile}`);
    },
  };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/ga4gh/tes/v1/service-info`)).ok;
  } catch {
    return false;
  }
}

/** JSON is YAML: values need no quoting rules of ours. */
function configuration(port: number, folders: DemoFolders): string {
  const config = {
    server: { port, service_info: { name: 'Bulkhead demo' } },
    data: join(folders.home, 'server'),
    // Not those of a server that may be at work on this machine: two servers share neither mount points nor ids.
    backend: { run: folders.run, id_base: 1_610_612_736 },
    images: { layouts: [folders.images] },
    storage: { file: { roots: [{ path: folders.inputs }, { path: folders.results, write: true }] } },
  };
  return `# Written by the demo, for each run.\n${JSON.stringify(config, undefined, 2)}\n`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  return address.port;
}

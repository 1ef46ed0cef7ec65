import { readFile, readdir } from 'node:fs/promises';
import { findLeftovers } from '../../scripts/demo/leftovers.ts';
import { runFolders } from '../../src/warden/run-folders.ts';
import type { TestServer } from '../fixtures/server.ts';

/** Processes of this host, in whatever namespace, that have the word in their command line; by their id. */
export async function processesWith(word: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const lines = await Promise.all(
    pids.map(async (pid) => ({
      pid: Number(pid),
      words: (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0'),
    })),
  );
  return lines.filter(({ words }) => words.includes(word)).map(({ pid }) => pid);
}

/** What is left of a task on this host: mounts, cgroups, folders below /run, processes. */
export async function tracesOfTask(id: string): Promise<string[]> {
  return findLeftovers([id]);
}

/** The same of a server that has ended. */
export async function tracesOfServer({ folder }: Pick<TestServer, 'folder'>): Promise<string[]> {
  return findLeftovers([folder, runFolders('/run/bulkhead', `${folder}/data`).instance]);
}

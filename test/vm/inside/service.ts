import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TesTask } from '../../../src/tes/task.ts';
import { processesWith } from '../../e2e/traces.ts';
import { busyboxLayout } from '../../fixtures/images.ts';
import { until } from '../../poll.ts';

const CHECKOUT = join(import.meta.dirname, '../../..');
const ADDRESS = 'http://127.0.0.1:8710';
const PATIENCE_MS = 180_000;
const END = new Set(['COMPLETE', 'EXECUTOR_ERROR', 'SYSTEM_ERROR', 'CANCELED']);

/** The program as an operator installs it: a release, the unit files of this checkout, a configuration below /etc. */
export async function installService(): Promise<void> {
  const units = join(CHECKOUT, 'deploy/systemd');
  for (const name of await readdir(units))
    await copyFile(join(units, name), join('/etc/systemd/system', name));
  const config = {
    data: '/var/lib/bulkhead',
    images: { layouts: [await busyboxLayout()], only_listed_registries: true },
    policy: { defaults: { disk_gb: 0.03125, ram_gb: 0.125, cpu_cores: 0.25 } },
    backend: { disk_pool: 0 },
    limits: { stdio_bytes: '1MiB', reserved: { disk: 0, memory: 0 } },
  };
  await mkdir('/etc/bulkhead', { recursive: true });
  // JSON is YAML.
  await writeFile('/etc/bulkhead/config.yaml', JSON.stringify(config));
  await installRelease('one');
  await useRelease('one');
  await mkdir('/etc/systemd/system/bulkhead.service.d', { recursive: true });
  await writeFile(
    '/etc/systemd/system/bulkhead.service.d/release.conf',
    '[Service]\nExecStart=\nExecStart=/opt/releases/current/bin/bulkhead serve --config /etc/bulkhead/config.yaml\n',
  );
  await systemctl('daemon-reload');
}

/** The checkout as a built package without sources, with a version of its own. */
export async function installRelease(name: string): Promise<void> {
  const home = `/opt/releases/${name}`;
  const [upper, work] = [`${home}-upper`, `${home}-work`];
  for (const folder of [upper, work, home]) await mkdir(folder, { recursive: true });
  const layers = `lowerdir=${CHECKOUT},upperdir=${upper},workdir=${work}`;
  await promisify(execFile)('/usr/bin/mount', ['-t', 'overlay', 'overlay', '-o', layers, home]);
  await rm(`${home}/src`, { recursive: true });
  const file: Record<string, unknown> = JSON.parse(await readFile(`${home}/package.json`, 'utf8'));
  await writeFile(`${home}/package.json`, JSON.stringify({ ...file, version: `0.1.0-${name}` }));
}

export async function useRelease(name: string): Promise<void> {
  await rm('/opt/releases/current', { force: true });
  await symlink(`/opt/releases/${name}`, '/opt/releases/current');
}

export async function systemctl(...args: string[]): Promise<string> {
  return (await promisify(execFile)('/usr/bin/systemctl', args)).stdout.trim();
}

export async function property(unit: string, name: string): Promise<string> {
  return systemctl('show', `--property=${name}`, '--value', unit);
}

export async function answers(): Promise<void> {
  await until(
    async () =>
      fetch(`${ADDRESS}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    { timeoutMs: PATIENCE_MS, what: 'the service to answer' },
  );
}

export async function version(): Promise<string> {
  const info: { version: string } = JSON.parse(
    await (await fetch(`${ADDRESS}/ga4gh/tes/v1/service-info`)).text(),
  );
  return info.version;
}

/** A task that runs until it is let go, and then ends with 7. */
export interface Waiting {
  /** Of its shell, by the ids of this host. */
  readonly pid: number;
  /** Its shell is the process that it was. */
  runs(): Promise<boolean>;
  letGo(): Promise<void>;
  ended(): Promise<{ state: string; exits: number[] }>;
}

export async function startWaiting(mark: string): Promise<Waiting> {
  const script = 'while [ ! -e /tmp/go ]; do sleep 0.2; done; exit 7';
  const answer = await fetch(`${ADDRESS}/ga4gh/tes/v1/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ executors: [{ image: 'busybox:latest', command: ['sh', '-c', script, mark] }] }),
  });
  const { id }: { id: string } = JSON.parse(await answer.text());
  const shell = async (): Promise<number> => {
    const pids = await processesWith(mark);
    const isShell = await Promise.all(pids.map(async (pid) => (await commandOf(pid)).startsWith('sh\0')));
    return pids.find((_, at) => isShell[at]) ?? 0;
  };
  let pid = 0;
  await until(
    async () => {
      const text = await taskText(id);
      const { state }: TesTask = JSON.parse(text);
      if (END.has(state)) throw new Error(`the task ${mark} did not run: ${text}`);
      return (pid = await shell()) > 0;
    },
    { timeoutMs: PATIENCE_MS, what: `the task ${mark} to run` },
  );
  return {
    pid,
    runs: async () => (await shell()) === pid,
    letGo: () => writeFile(`/proc/${pid}/root/tmp/go`, ''),
    async ended() {
      let task: TesTask | undefined;
      await until(async () => END.has((task = JSON.parse(await taskText(id))).state), {
        timeoutMs: PATIENCE_MS,
        what: `the end of the task ${mark}`,
      });
      return {
        state: task?.state ?? '',
        exits: (task?.logs?.at(-1)?.logs ?? []).map(({ exit_code }) => exit_code),
      };
    },
  };
}

export async function cgroupOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/cgroup`, 'utf8')).trim().replace('0::', '');
}

async function commandOf(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
}

async function taskText(id: string): Promise<string> {
  return (await fetch(`${ADDRESS}/ga4gh/tes/v1/tasks/${id}?view=FULL`)).text();
}

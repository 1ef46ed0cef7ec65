import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RuntimeSpec } from '../src/backends/oci/compile.ts';
import type { TesTaskDocument } from '../src/tes/task.ts';
import type { TestServer } from '../test/fixtures/server.ts';
import { createBareRuns, type BareRuns } from './bare-runs.ts';

/** The shortest task there is. */
export function trueTask(cpuCores: number): TesTaskDocument {
  return {
    executors: [{ image: 'busybox', command: ['true'] }],
    resources: { cpu_cores: cpuCores, ram_gb: 0.125, disk_gb: 0.125 },
  };
}

/** Runs one such task, and takes the bundle that the server made for it. */
export async function bareRunsOf(server: TestServer, task: TesTaskDocument): Promise<BareRuns> {
  const config = await runtimeConfig(server, task);
  const images = join(server.folder, 'data', 'images', 'roots');
  const [root] = await readdir(images);
  return createBareRuns(config, join(images, root ?? '', 'rootfs'));
}

/** Of one such task: the path of its container's cgroup below each hierarchy. */
export async function containerCgroup(server: TestServer, task: TesTaskDocument): Promise<string> {
  const spec: RuntimeSpec = JSON.parse(await readFile(await runtimeConfig(server, task), 'utf8'));
  return spec.linux.cgroupsPath;
}

/** The file that the server wrote for the runtime. */
async function runtimeConfig(server: TestServer, task: TesTaskDocument): Promise<string> {
  const { id, state } = await server.run(task);
  if (state !== 'COMPLETE') throw new Error(`the task ended ${state}: ${await server.log()}`);
  return join(server.folder, 'data', 'work', 'containers', `${id}-1`, '0', 'config.json');
}

/** Milliseconds from sending the request to hearing of COMPLETE, by the stream of the task's events. */
export async function timeToComplete(server: TestServer, task: TesTaskDocument): Promise<number> {
  const start = performance.now();
  await completed(server, await server.create(task));
  return performance.now() - start;
}

/** Follows the task's events to its end. Throws where that isn't COMPLETE. */
export async function completed(server: TestServer, id: string): Promise<void> {
  const answer = await server.request(`/bulkhead/v1/tasks/${id}/logs?follow=true`);
  const events = await answer.text();
  if (!events.includes('"COMPLETE"')) throw new Error(`${id} ended otherwise: ${events}`);
}

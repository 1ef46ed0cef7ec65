import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RuntimeSpec } from '../src/backends/oci/compile.ts';

/** The bundle that the server made for a task, run by the runtime alone: what the same isolation costs at least. */
export interface BareRuns {
  /** `runc run` of one container from its start to its end. Milliseconds. */
  run(): Promise<number>;
  close(): Promise<void>;
}

/**
 * `config` is the runtime specification that the server wrote, `image` the unpacked image on disk. The root file
 * system is a copy of its own, owned by the container's root; ids, cgroups and state of the runtime are apart from
 * the server's.
 */
export async function createBareRuns(config: string, image: string): Promise<BareRuns> {
  const spec: RuntimeSpec = JSON.parse(await readFile(config, 'utf8'));
  // Not below a private folder, where the container's root couldn't reach it.
  const folder = await mkdtemp('/run/bulkhead-bench-');
  await chmod(folder, 0o711);
  const rootfs = join(folder, 'rootfs');
  const owner = spec.linux.uidMappings[0]?.hostID ?? 0;
  const call = promisify(execFile);
  await call('/bin/cp', ['-a', image, rootfs]);
  await call('/bin/chown', ['-R', '-h', `${owner}:${owner}`, rootfs]);
  const parent = `/bhbench-${process.pid}`;
  const state = join(folder, 'state');
  let count = 0;

  return {
    async run() {
      count += 1;
      const id = `bhbench-${process.pid}-${count}`;
      const bundle = join(folder, id);
      await mkdir(bundle);
      const bare = { ...spec, root: { ...spec.root, path: rootfs } };
      await writeFile(
        join(bundle, 'config.json'),
        JSON.stringify({ ...bare, linux: { ...spec.linux, cgroupsPath: `${parent}/${id}` } }),
      );
      const start = performance.now();
      const child = spawn('runc', ['--root', state, 'run', '--bundle', bundle, id], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      child.stderr.on('data', (bytes: Buffer) => void (said += bytes.toString()));
      await once(child, 'exit');
      const duration = performance.now() - start;
      if (child.exitCode !== 0) throw new Error(`runc run ended with ${child.exitCode}: ${said}`);
      await rm(bundle, { recursive: true });
      return duration;
    },
    async close() {
      const mount = '/sys/fs/cgroup';
      for (const hierarchy of ['', ...(await readdir(mount))])
        await rmdir(join(mount, hierarchy, parent)).catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { RuntimeSpec } from '../../src/backends/oci/compile.ts';
import { cgroupFolders, cgroupVersion } from '../../src/warden/cgroups.ts';
import { runtimeCommand } from '../fixtures/runtime.ts';
import { ID_BASE } from './instance.ts';
import { until } from '../poll.ts';

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the specification of a real sandbox again by the runtime alone, after one protection was taken away. */
export interface Controls {
  /** Where a copy of the image stands for the controls, on a mount without any flag. */
  readonly rootfs: string;
  run(
    spec: RuntimeSpec,
    weaken: (spec: RuntimeSpec) => object,
    during?: (pid: number) => Promise<void>,
  ): Promise<Outcome>;
  close(): Promise<void>;
}

export async function openControls(image: string): Promise<Controls> {
  const folder = await mkdtemp('/run/bulkhead-control-');
  // On a host with systemd, /run itself takes setuid files and devices for plain ones.
  await promisify(execFile)('/bin/mount', ['-t', 'tmpfs', '-o', 'mode=711', 'none', folder]);
  const rootfs = join(folder, 'rootfs');
  await promisify(execFile)('/bin/cp', ['-a', image, rootfs]);
  const parent = folder.replace('/run', '');
  let serial = 0;

  return {
    rootfs,
    async run(spec, weaken, during) {
      serial += 1;
      const name = `control-${serial}`;
      const bundle = join(folder, name);
      await mkdir(bundle);
      const ids = [{ containerID: 0, hostID: ID_BASE, size: 65_536 }];
      // AppArmor would hold much of what another protection is tried for.
      const { apparmorProfile: _, ...process } = spec.process;
      const own: RuntimeSpec = {
        ...spec,
        process,
        root: { ...spec.root, path: rootfs },
        mounts: spec.mounts.filter(({ source }) => !source.includes('/disks/')),
        linux: { ...spec.linux, cgroupsPath: `${parent}/${name}`, uidMappings: ids, gidMappings: ids },
      };
      await writeFile(join(bundle, 'config.json'), JSON.stringify(weaken(own)));
      const pidFile = join(bundle, 'pid');
      const [program, ...args] = runtimeCommand(join(folder, 'state'));
      const child = spawn(program, [...args, 'run', '--bundle', bundle, '--pid-file', pidFile, name], {
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      const ended = once(child, 'close');
      const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
      if (during) {
        let pid = 0;
        await until(async () => (pid = Number(await readFile(pidFile, 'utf8').catch(() => ''))) > 0, {
          what: `the control's first process`,
        });
        await during(pid);
      }
      child.stdin.end();
      await ended;
      return { exitCode: child.exitCode, stdout: await stdout, stderr: await stderr };
    },
    async close() {
      for (const path of cgroupFolders(cgroupVersion(), parent)) await rmdir(path);
      await promisify(execFile)('/bin/umount', [folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RuntimeSpec } from '../src/backends/oci/compile.ts';
import { ociHandle } from '../src/backends/oci/handle.ts';
import { cgroupPaths, cgroupVersion } from '../src/warden/cgroups.ts';
import { observe } from '../src/warden/evidence/observe.ts';
import { attemptOf, prepared } from '../test/contract/backend-samples.ts';
import { quantile } from './measurement.ts';
import type { Suite } from './suite.ts';
import { type WardenBench, withLocalWarden, withRemoteWarden } from './wardens.ts';

const NEVER = new AbortController().signal;

export const separationSuite: Suite = {
  name: 'separation',
  what: 'attempts of `true` on the backend alone: the warden in a process of its own beside the same one within, in turns; evidence',
  async run({ isQuick, report }) {
    const local = await withLocalWarden();
    const remote = await withRemoteWarden();
    try {
      const within: number[] = [];
      const apart: number[] = [];
      for (let turn = 0; turn < (isQuick ? 8 : 64); turn += 1) {
        // Each goes first in every other turn.
        const order = turn % 2 === 0 ? [local, remote] : [remote, local];
        for (const bench of order) (bench === local ? within : apart).push(await runTrue(bench));
      }
      // The first ones make disks and mounts, which later ones find ready.
      for (const durations of [within, apart]) durations.splice(0, 4);
      const [localMs, remoteMs] = [quantile(within, 0.5), quantile(apart, 0.5)];
      const differences = apart.map((duration, turn) => duration - (within[turn] ?? duration));
      const asking = isQuick ? 100 : 1_000;
      const [asked, called] = [await requests(remote, asking), await requests(local, asking)];
      const observing = await observations(local, isQuick ? 20 : 200);
      report(
        {
          what: `an attempt of \`true\`, warden apart, p50 of ${apart.length}`,
          value: remoteMs,
          unit: 'ms',
          beside: { what: 'warden within', value: localMs },
        },
        { what: 'the separation, p50 of the differences', value: quantile(differences, 0.5), unit: 'ms' },
        {
          what: `a request that asks for next to nothing, warden apart, p50 of ${asking}`,
          value: quantile(asked, 0.5),
          unit: 'ms',
          beside: { what: 'warden within', value: quantile(called, 0.5) },
        },
        {
          what: `reading evidence of a container, p50 of ${observing.length}`,
          value: quantile(observing, 0.5),
          unit: 'ms',
          beside: { what: 'an attempt, warden within', value: localMs },
        },
      );
    } finally {
      await local.close();
      await remote.close();
    }
  },
};

/** One attempt from its image to its release. Milliseconds. */
async function runTrue({ backend }: WardenBench): Promise<number> {
  const attempt = attemptOf('busybox:latest', [['true']]);
  const start = performance.now();
  const handle = await prepared(backend, attempt);
  try {
    await backend.start(handle, attempt, 0);
    await backend.wait(handle, attempt, 0);
    await backend.stageOut(handle, attempt, NEVER);
  } finally {
    await backend.release(handle);
  }
  return performance.now() - start;
}

/** One after the other. Milliseconds. */
async function requests({ warden }: WardenBench, count: number): Promise<number[]> {
  const durations: number[] = [];
  for (let asked = 0; asked < count; asked += 1) {
    const start = performance.now();
    await warden.hasDisk({ attempt: 'none' });
    durations.push(performance.now() - start);
  }
  return durations;
}

/** What is read of each container before it starts, read of one again and again. Milliseconds. */
async function observations({ backend, folder }: WardenBench, count: number): Promise<number[]> {
  const attempt = attemptOf('busybox:latest', [['sleep', '600']]);
  const handle = ociHandle(await prepared(backend, attempt));
  try {
    await backend.start(handle, attempt, 0);
    const bundle = join(folder, 'logs', handle.id, '0');
    const spec: RuntimeSpec = JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8'));
    const pid = Number(await readFile(join(bundle, 'pid'), 'utf8'));
    const path = spec.linux.cgroupsPath;
    const [parent, container] = [path.slice(0, path.lastIndexOf('/')), path.slice(path.lastIndexOf('/') + 1)];
    const cgroups = cgroupPaths(cgroupVersion(), parent, container);
    return Array.from({ length: count }, () => {
      const start = performance.now();
      observe(pid, spec, cgroups);
      return performance.now() - start;
    });
  } finally {
    await backend.kill(handle, 'system-error');
    await backend.release(handle);
  }
}

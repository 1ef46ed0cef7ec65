/** What is beyond each limit of a container, tried within bounds: refused, and had where the limit is taken away. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RuntimeSpec } from '../../src/backends/oci/compile.ts';
import { openControls, type Controls } from './control.ts';
import { openInstance, type Instance } from './instance.ts';
import { runJob, type Job } from './run.ts';
import { unchanged, withoutResourceLimits, withResources } from './weakenings.ts';

const MIB = 2 ** 20;

interface Beyond {
  readonly name: string;
  readonly limits: NonNullable<Job['limits']>;
  /** Prints `succeeded` where it has more than the limit. */
  readonly code: string;
  readonly weaken: (spec: RuntimeSpec) => object;
  /** Told of it in the system logs. */
  readonly told: RegExp;
}

const BEYOND: readonly Beyond[] = [
  {
    name: 'memory: twice the limit, each page written to',
    limits: { memoryBytes: 48 * MIB },
    code: 'my $held = "x" x (96 << 20); print "succeeded"',
    weaken: withResources(() => ({ memory: undefined })),
    told: /out of memory: 1 process was killed at the limit of 0\.0469 GiB/,
  },
  {
    name: 'memory: files in shared memory',
    limits: { memoryBytes: 48 * MIB },
    code: 'open my $f, ">", "/dev/shm/f" or die; for (1 .. 96) { syswrite $f, "x" x (1 << 20) or exit 1 } print "succeeded"',
    // Its size is the limit too.
    weaken: (spec) => ({
      ...withResources(() => ({ memory: undefined }))(spec),
      mounts: spec.mounts.map((mount) =>
        mount.destination === '/dev/shm'
          ? { ...mount, options: mount.options.filter((option) => !option.startsWith('size=')) }
          : mount,
      ),
    }),
    told: /out of memory|^$/,
  },
  {
    name: 'processes: thirty where sixteen may be',
    limits: { pids: 16 },
    code: 'my @all; for (1 .. 30) { my $p = fork; last if !defined $p; if (!$p) { sleep 60; exit } push @all, $p } print "succeeded" if @all == 30; kill 9, @all',
    weaken: withResources(() => ({ pids: undefined })),
    told: /1 new processes? .* refused at the limit of 16/,
  },
  {
    name: 'open files: a hundred where sixty-four may be',
    limits: { openFiles: 64 },
    code: 'my @all; for (1 .. 100) { open my $f, "<", "/dev/null" or die "opener: $!\\n"; push @all, $f } print "succeeded"',
    weaken: withoutResourceLimits,
    told: /may have 64 at once/,
  },
  {
    name: 'the size of one file: sparse, of a terabyte',
    limits: {},
    code: 'open my $f, ">", "/tmp/f" or die; truncate $f, 1 << 40 and print "succeeded"',
    weaken: withoutResourceLimits,
    told: /SIGXFSZ/,
  },
  {
    name: 'the disk: half as much again as was asked for',
    limits: { diskBytes: 32 * MIB },
    code: 'open my $f, ">", "/tmp/f" or die; my $n = 0; while ($n < 48 << 20) { $n += syswrite($f, "x" x (1 << 20)) || exit 1 } print "succeeded"',
    // The control has no disk of its own.
    weaken: unchanged,
    told: /disk of 0\.0313 GiB is full/,
  },
  {
    name: 'files: more than its disk has inodes for',
    limits: { diskInodes: 1024 },
    code: 'for (1 .. 1100) { open my $f, ">", "/tmp/$_" or exit 1 } print "succeeded"',
    weaken: unchanged,
    told: /no room for more than 1024 files/,
  },
];

let instance: Instance;
let controls: Controls;

beforeAll(async () => {
  instance = await openInstance();
  const { handle } = await runJob(instance, { image: 'box:latest', command: ['true'] });
  controls = await openControls(instance.rootfs(handle.executors[0]?.image.digest ?? ''));
});
afterAll(async () => {
  await controls.close();
  expect(await instance.close()).toEqual([]);
});

describe('beyond a limit', () => {
  for (const { name, limits, code, weaken, told } of BEYOND) {
    test(name, async () => {
      const held = await runJob(instance, { image: 'box:latest', command: ['perl', '-e', code], limits });
      expect(held.stdout).not.toContain('succeeded');
      expect(held.causes.join('\n')).toMatch(told);
      const weakened = await controls.run(held.spec, weaken);
      expect(weakened.stdout, weakened.stderr).toContain('succeeded');
    });
  }

  test('the processor: a loop has its share, and all of one where none is set', async () => {
    // Of the same work, the time it took by the clock for each second of the processor.
    const code =
      'my $i = 0; my $end = (times)[0] + 0.5; 1 while ++$i and ($i % 1000 or (times)[0] < $end); print +(times)[0]';
    const job = { image: 'box:latest', command: ['perl', '-e', code], limits: { cpuCores: 0.1 } };
    const held = await runJob(instance, job);
    const [used, took] = [Number(held.stdout), (held.endedAt - held.startedAt) / 1000];
    expect(used).toBeGreaterThanOrEqual(0.5);
    expect(used / took).toBeLessThan(0.15);
    const begin = performance.now();
    const weakened = await controls.run(
      held.spec,
      withResources(() => ({ cpu: undefined })),
    );
    const share = Number(weakened.stdout) / ((performance.now() - begin) / 1000);
    expect(share).toBeGreaterThan(0.15);
  });
});

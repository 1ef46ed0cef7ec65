import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { until } from '../../../test/poll.ts';
import { compile } from '../../backends/oci/compile.ts';
import { PROFILES } from '../../sandbox/profiles.ts';
import { cgroupPaths, cgroupVersion } from '../cgroups.ts';
import { observe } from './observe.ts';

/** Of a container that isn't there. */
const SPEC = compile({
  sandbox: {
    profile: 'standard',
    ...PROFILES.standard,
    limits: {
      cpuCores: 1,
      memoryBytes: 2 ** 28,
      diskBytes: 2 ** 28,
      diskInodes: 1000,
      pids: 16,
      openFiles: 64,
      logBytes: 4096,
      wallTimeMs: null,
      queueTimeMs: null,
    },
  },
  id: 'none',
  rootfs: '/nowhere',
  idBase: 1_000_000,
  idCount: 65_536,
  user: { uid: 0, gid: 0, additionalGids: [] },
  command: ['true'],
  env: [],
  cwd: '/',
  hostname: 'none',
  binds: [],
  init: '/usr/bin/catatonit',
  cgroupParent: '/bulkhead-none',
  hardLimits: { openFiles: 64, memlockBytes: 4096, fileSizeBytes: 2 ** 28 },
});
const CGROUPS = cgroupPaths(cgroupVersion(), '/bulkhead-none', 'none');

describe('evidence', () => {
  it('of a process without a sandbox names every control that is missing', () => {
    let message = 'nothing was missing';
    try {
      observe(process.pid, SPEC, CGROUPS);
    } catch (error) {
      expect(error).toMatchObject({ code: 'evidence' });
      message = String(error);
    }
    for (const control of [
      'uid_map',
      'gid_map',
      'uid is',
      'gid is',
      'rlimit_nofile',
      'rlimit_core',
      'rlimit_fsize',
      'oom_score_adjustment',
      'cpu_period',
      'mount_root',
      'mount_init is missing',
      'mount_others',
      'masked_paths',
      'readonly_paths',
      'no_new_privileges',
      'seccomp',
      'memory_limit_bytes',
      'pids_limit',
      'cpu_quota',
      'capabilities_effective',
      'capabilities_bounding',
      ...['user', 'pid', 'net', 'ipc', 'uts', 'mnt', 'cgroup'].map((name) => `namespace_${name} is shared`),
    ]) {
      expect(message).toContain(control);
    }
  });

  it('of a process that was killed meanwhile is none: the attempt is lost, whether its parent knows or not', async () => {
    // A shell may look after its children between two commands.
    const program = '$| = 1; my $child = fork // die; exit if !$child; print "$child\\n"; sleep 60';
    const parent = spawn('/usr/bin/perl', ['-e', program], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(parent, 'exit');
    const [line] = await once(createInterface({ input: parent.stdout }), 'line');
    const child = Number(line);
    const status = (): Promise<string> => readFile(`/proc/${child}/status`, 'utf8');
    await until(async () => /^State:\s+Z/m.test(await status()), { what: 'the child to be dead' });
    const lost = expect.objectContaining({ code: 'attempt-lost' });
    expect(() => observe(child, SPEC, CGROUPS)).toThrow(lost);
    parent.kill('SIGKILL');
    await ended;
    expect(() => observe(parent.pid ?? 0, SPEC, CGROUPS)).toThrow(lost);
  });
});

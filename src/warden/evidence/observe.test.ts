import { describe, expect, it } from 'vitest';
import { compile } from '../backends/oci/compile.ts';
import { PROFILES } from '../sandbox/profiles.ts';
import { cgroupPaths } from './cgroups.ts';
import { observe } from './evidence.ts';

describe('evidence', () => {
  it('of a process without a sandbox names every control that is missing', async () => {
    const spec = compile({
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
    const observing = observe(process.pid, spec, cgroupPaths(1, '/bulkhead-none', 'none'));
    await expect(observing).rejects.toMatchObject({ code: 'evidence' });
    const message = await observing.then(
      () => 'nothing was missing',
      (error: unknown) => String(error),
    );
    for (const control of [
      'uid_map',
      'gid_map',
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
});

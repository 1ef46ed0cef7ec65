import { describe, expect, it } from 'vitest';
import { compile } from '../../backends/oci/compile.ts';
import { PROFILES } from '../../sandbox/profiles.ts';
import { cgroupPaths, cgroupVersion } from '../cgroups.ts';
import { observe } from './observe.ts';

describe('evidence', () => {
  it('of a process without a sandbox names every control that is missing', () => {
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
    let message = 'nothing was missing';
    try {
      observe(process.pid, spec, cgroupPaths(cgroupVersion(), '/bulkhead-none', 'none'));
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
});

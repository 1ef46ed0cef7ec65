import { describe, expect, it } from 'vitest';
import { PROFILES } from '../../sandbox/profiles.ts';
import { compile, ROOT_MAPPED_CAPABILITIES, type ExecutorSpec } from './compile.ts';

function spec(profile: keyof typeof PROFILES, changes: Partial<ExecutorSpec> = {}): ExecutorSpec {
  const found = PROFILES[profile];
  return {
    sandbox: {
      profile,
      ...found,
      limits: {
        cpuCores: 1.5,
        memoryBytes: 2 ** 31,
        diskBytes: 10 * 2 ** 30,
        diskInodes: 100_000,
        pids: 128,
        openFiles: 4096,
        logBytes: 2 ** 20,
        wallTimeMs: null,
        queueTimeMs: null,
      },
    },
    id: 'task-1-0',
    rootfs: '/run/bulkhead/abc/roots/task-1-0',
    idBase: 1_879_113_728,
    idCount: 65_536,
    user: { uid: 0, gid: 0, additionalGids: [4] },
    command: ['tool', '--flag', '$(id) `id` ${HOME}'],
    env: ['PATH=/bin'],
    cwd: '/work',
    hostname: 'task',
    binds: [{ source: '/run/bulkhead/abc/disks/0/t/ws/work', destination: '/work' }],
    init: '/usr/bin/catatonit',
    cgroupParent: '/bulkhead-abc',
    hardLimits: { openFiles: 1024, memlockBytes: 8_388_608, fileSizeBytes: Number.MAX_SAFE_INTEGER },
    ...changes,
  };
}

describe('a sandbox as a runtime specification', () => {
  it.each(['strict', 'standard', 'mapped-root'] as const)('%s, field by field', async (profile) => {
    const { linux, ...rest } = compile(spec(profile));
    const { seccomp, ...others } = linux;
    expect(seccomp.defaultErrnoRet).toBe(38);
    await expect(`${JSON.stringify({ ...rest, linux: others }, null, 2)}\n`).toMatchFileSnapshot(
      `golden/${profile}.json`,
    );
  });

  it('hands the command over as it is, behind the init', () => {
    expect(compile(spec('standard')).process.args).toEqual([
      '/.bulkhead-init',
      '--',
      'tool',
      '--flag',
      '$(id) `id` ${HOME}',
    ]);
  });

  it('never asks for more than our own hard limit', () => {
    expect(compile(spec('standard')).process.rlimits).toContainEqual({
      type: 'RLIMIT_NOFILE',
      hard: 1024,
      soft: 1024,
    });
  });

  it.each(['microvm', 'syscall-proxy'] as const)('isolation by %s is refused, not weakened', (isolation) => {
    const asked = spec('standard');
    const stronger = { ...asked, sandbox: { ...asked.sandbox, isolation } };
    expect(() => compile(stronger)).toThrow(`isolation is ${isolation}`);
  });

  it.each(['strict', 'standard', 'mapped-root'] as const)('%s has what no profile may lose', (profile) => {
    const { process, linux, mounts } = compile(spec(profile));
    expect(linux.namespaces.map(({ type }) => type).sort()).toEqual([
      'cgroup',
      'ipc',
      'mount',
      'network',
      'pid',
      'user',
      'uts',
    ]);
    expect(linux.uidMappings).toEqual([{ containerID: 0, hostID: 1_879_113_728, size: 65_536 }]);
    expect(linux.resources?.memory).toEqual({ limit: 2 ** 31, swap: 2 ** 31 });
    expect(process.capabilities.ambient).toEqual([]);
    expect(process.capabilities.inheritable).toEqual([]);
    const isMapped = profile === 'mapped-root';
    expect(process.noNewPrivileges).toBe(!isMapped);
    expect(process.capabilities.bounding).toEqual(isMapped ? ROOT_MAPPED_CAPABILITIES : []);
    for (const { destination, options } of mounts.filter(({ type }) => type === 'bind')) {
      expect(options, destination).toContain('nodev');
      if (!isMapped) expect(options, destination).toContain('nosuid');
    }
  });
});

import { describe, expect, test } from 'vitest';
import { admissionRequest } from '../../test/doubles/site.ts';
import type { BulkheadError } from '../errors.ts';
import { isBulkheadError } from '../errors.ts';
import type { TesResources, TesTaskDocument } from '../tes/task.ts';
import { admit } from './admission.ts';
import type { Admission } from './admission.ts';
import { DEFAULT_SITE_POLICY } from './site.ts';
import type { SitePolicy } from './site.ts';

const GIB = 2 ** 30;
const MACHINE = { cpuCores: 4, memoryBytes: 8 * GIB, diskBytes: 100 * GIB };

function task(resources?: TesResources): TesTaskDocument {
  const executors = [{ image: 'busybox', command: ['true'] }];
  return resources === undefined ? { executors } : { executors, resources };
}

function admitted(
  resources?: TesResources,
  site: SitePolicy = DEFAULT_SITE_POLICY,
  machine = MACHINE,
  unenforced: readonly string[] = [],
): Admission {
  return admit(admissionRequest(task(resources), undefined, { site, machine, unenforced }));
}

function refusal(resources: TesResources, site: SitePolicy = DEFAULT_SITE_POLICY): BulkheadError {
  try {
    admitted(resources, site);
  } catch (error) {
    if (isBulkheadError(error)) return error;
    throw error;
  }
  throw new Error('admitted, not refused');
}

function withDefaults(defaults: Partial<SitePolicy['defaults']>): SitePolicy {
  return { ...DEFAULT_SITE_POLICY, defaults: { ...DEFAULT_SITE_POLICY.defaults, ...defaults } };
}

function withCeilings(ceilings: SitePolicy['ceilings']): SitePolicy {
  return { ...DEFAULT_SITE_POLICY, ceilings };
}

describe('the size of a task', () => {
  test.each([
    ['no resources', undefined, { cpuCores: 1, memoryBytes: 2 * GIB, diskBytes: 10 * GIB }],
    ['empty resources', {}, { cpuCores: 1, memoryBytes: 2 * GIB, diskBytes: 10 * GIB }],
    ['a part', { ram_gb: 3 }, { cpuCores: 1, memoryBytes: 3 * GIB, diskBytes: 10 * GIB }],
    [
      'fractions',
      { cpu_cores: 0.5, ram_gb: 0.25, disk_gb: 1.5 },
      { cpuCores: 0.5, memoryBytes: GIB / 4, diskBytes: 1.5 * GIB },
    ],
    [
      'all of the machine',
      { cpu_cores: 4, ram_gb: 8, disk_gb: 100 },
      { cpuCores: 4, memoryBytes: 8 * GIB, diskBytes: 100 * GIB },
    ],
  ])('%s', (_name, resources, limits) => {
    expect(admitted(resources).sandbox.limits).toMatchObject(limits);
  });

  test('a default larger than the machine is as much as the machine has', () => {
    const { sandbox } = admitted(undefined, DEFAULT_SITE_POLICY, {
      cpuCores: 0.5,
      memoryBytes: GIB,
      diskBytes: 2 * GIB,
    });
    expect(sandbox.limits).toMatchObject({ cpuCores: 0.5, memoryBytes: GIB, diskBytes: 2 * GIB });
  });

  test('a default above the ceiling is the ceiling', () => {
    expect(admitted(undefined, withCeilings({ disk_gb: 1 })).sandbox.limits.diskBytes).toBe(GIB);
  });

  test('less than can be enforced is raised, with a word about it', () => {
    const { sandbox, warnings } = admitted({ ram_gb: 1e-9 });
    expect(sandbox.limits.memoryBytes).toBe(16 * 2 ** 20);
    expect(warnings).toEqual([expect.stringContaining('resources.ram_gb: 1e-9')]);
  });

  test('the least that can be enforced is no less than that', () => {
    expect(admitted({ cpu_cores: 0.01 }).warnings).toEqual([]);
    const error = refusal({ cpu_cores: 0.005 }, withCeilings({ cpu_cores: 0.001 }));
    expect(error.fields).toHaveLength(1);
  });

  test('a disk has an inode for every 16 KiB, and never fewer than small files need', () => {
    expect(admitted({ disk_gb: 100 }).sandbox.limits.diskInodes).toBe((100 * GIB) / 16_384);
    expect(admitted({ disk_gb: 0.1 }).sandbox.limits.diskInodes).toBe(16_384);
    expect(admitted({}, withDefaults({ disk_inodes: 77 })).sandbox.limits.diskInodes).toBe(77);
  });
});

describe('refusals', () => {
  test('name field, asked, limit and where it is written, all at once', () => {
    const error = refusal({ cpu_cores: 64, ram_gb: 9, disk_gb: -1 }, withCeilings({ ram_gb: 6 }));
    expect(error.code).toBe('refused');
    expect(error.fields).toEqual([
      { field: '/resources/cpu_cores', problem: 'asked 64, the limit is 4 (this machine)' },
      { field: '/resources/ram_gb', problem: 'asked 9, the ceiling is 6 (policy.ceilings.ram_gb)' },
      { field: '/resources/disk_gb', problem: expect.stringContaining('asked -1; must be a number above 0') },
    ]);
    for (const { field, problem } of error.fields) expect(error.message).toContain(`${field}: ${problem}`);
  });

  test('a ceiling above the machine does not hide the machine', () => {
    expect(refusal({ ram_gb: 9 }, withCeilings({ ram_gb: 1000 })).message).toContain(
      'the limit is 8 (this machine)',
    );
  });

  test.each([0, -0, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%d is no size',
    (value) => {
      const error = refusal({ cpu_cores: value, ram_gb: value, disk_gb: value });
      expect(error.fields.map(({ field }) => field)).toEqual([
        '/resources/cpu_cores',
        '/resources/ram_gb',
        '/resources/disk_gb',
      ]);
    },
  );

  test('a default profile that does not exist is the configuration’s fault, naming those that do', () => {
    expect(() => admitted({}, withDefaults({ profile: 'srtict' }))).toThrow(
      /"srtict"; known are .*strict, standard, mapped-root/,
    );
  });

  test('a profile of the site that would be host root is refused', () => {
    const site: SitePolicy = {
      ...withDefaults({ profile: 'loose' }),
      profiles: {
        loose: {
          isolation: 'namespace',
          privilege: 'root-mapped',
          network: 'none',
          rootfs: 'ephemeral',
          compat: [],
        },
      },
    };
    expect(() => admitted({}, site)).toThrow(/host root/);
  });
});

describe('backend parameters', () => {
  test('unsupported ones are warned of and not stored', () => {
    const { document, warnings } = admitted({
      ram_gb: 1,
      backend_parameters: { VmSize: 'x', internal_path_prefix: '/y' },
    });
    expect(document.resources).toEqual({ ram_gb: 1 });
    expect(warnings.join('\n')).toMatch(/VmSize.*\n.*internal_path_prefix/);
  });

  test('supported ones are stored, under one spelling, beside what else there is', () => {
    const backend_parameters = { Sandbox_Privilege: 'nonroot', vmsize: 'x' };
    expect(admitted({ ram_gb: 1, backend_parameters }).document.resources).toEqual({
      ram_gb: 1,
      backend_parameters: { sandbox_privilege: 'nonroot' },
    });
  });

  test('unsupported ones are refused where the caller is strict, each by its pointer', () => {
    const error = refusal({ backend_parameters: { 'a/b~c': '1', d: '2' }, backend_parameters_strict: true });
    expect(error.fields.map(({ field }) => field)).toEqual([
      '/resources/backend_parameters/a~1b~0c',
      '/resources/backend_parameters/d',
    ]);
  });

  test.each(['sandbox_profle', 'SANDBOX_Net', 'sandbox_network.02'])(
    '%s is refused always: ignoring it could weaken the sandbox',
    (key) => {
      expect(refusal({ backend_parameters: { [key]: 'strict' } }).fields).toHaveLength(1);
    },
  );
});

test('each built-in profile can be the default of a site', () => {
  expect(admitted({}).sandbox).toMatchObject({
    profile: 'standard',
    isolation: 'userns',
    privilege: 'root-capless',
    network: 'none',
    rootfs: 'ephemeral',
  });
  expect(admitted({}, withDefaults({ profile: 'strict' })).sandbox).toMatchObject({
    profile: 'strict',
    privilege: 'nonroot',
    rootfs: 'readonly',
  });
  expect(admitted({}, withDefaults({ profile: 'mapped-root' })).sandbox).toMatchObject({
    profile: 'mapped-root',
    privilege: 'root-mapped',
  });
});

test('a profile of the site cannot replace a built-in one', () => {
  const site: SitePolicy = {
    ...withDefaults({ profile: 'strict' }),
    profiles: {
      strict: {
        isolation: 'userns',
        privilege: 'root-mapped',
        network: 'open',
        rootfs: 'ephemeral',
        compat: ['ptrace'],
      },
    },
  };
  expect(admitted({}, site).sandbox.network).toBe('none');
});

describe('what the host can’t enforce', () => {
  test('is no hindrance where the site demands nothing', () => {
    expect(() => admitted({}, DEFAULT_SITE_POLICY, MACHINE, ['id-range'])).not.toThrow();
  });

  test('refuses the task where the site demands all, beside every other reason', () => {
    const site = { ...DEFAULT_SITE_POLICY, require_enforced: true };
    expect(() => admitted({}, site, MACHINE, [])).not.toThrow();
    expect(() => admitted({}, site, MACHINE, ['id-range'])).toThrow(
      /^the task is refused: this host does not enforce id-range/,
    );
    expect(() => admitted({ cpu_cores: 5, ram_gb: 9 }, site)).toThrow(
      'the task is refused: /resources/cpu_cores: asked 5, the limit is 4 (this machine); /resources/ram_gb: asked 9,',
    );
    const refuse = (): Admission => admitted({ cpu_cores: 5 }, site, MACHINE, ['id-range']);
    expect(refuse).toThrow(/cpu_cores.*does not enforce id-range/);
    expect(refuse).toThrow(expect.objectContaining({ code: 'refused' }));
  });
});

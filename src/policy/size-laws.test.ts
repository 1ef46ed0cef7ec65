/** What holds of a task's size, whichever is asked for. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { admissionRequest } from '../../test/doubles/site.ts';
import { BulkheadError, isBulkheadError } from '../errors.ts';
import { violations } from '../sandbox/invariants.ts';
import type { TesResources } from '../tes/task.ts';
import { admit } from './admission.ts';
import type { Admission } from './admission.ts';
import type { Machine } from './resolve-task.ts';
import { DEFAULT_SITE_POLICY } from './site.ts';
import type { SitePolicy } from './site.ts';

const GIB = 2 ** 30;

function admitted(resources: TesResources, site: SitePolicy, machine: Machine): Admission {
  const document = { executors: [{ image: 'busybox', command: ['true'] }], resources };
  return admit(admissionRequest(document, undefined, { site, machine }));
}

function withCeilings(ceilings: SitePolicy['ceilings']): SitePolicy {
  return { ...DEFAULT_SITE_POLICY, ceilings };
}

const size = fc.option(
  fc.oneof(fc.double(), fc.integer({ min: -2, max: 200 }), fc.double({ min: 0, max: 10 })),
  { nil: undefined },
);
const asked = fc
  .record({ cpu_cores: size, ram_gb: size, disk_gb: size })
  .map((sizes): TesResources =>
    Object.fromEntries(Object.entries(sizes).filter(([, value]) => value !== undefined)),
  );
const positive = fc.double({ min: 0.05, max: 500, noNaN: true });
const ceilings = fc.record(
  { cpu_cores: positive, ram_gb: positive, disk_gb: positive },
  { requiredKeys: [] },
);
const machine = fc.record({
  cpuCores: fc.double({ min: 0.1, max: 256, noNaN: true }),
  memoryBytes: fc.integer({ min: GIB / 8, max: 1024 * GIB }),
  diskBytes: fc.integer({ min: GIB / 8, max: 4096 * GIB }),
});

test('it is refused, or gets a legal sandbox within the ceilings and the machine', () => {
  fc.assert(
    fc.property(asked, ceilings, machine, (resources, ceiling, has) => {
      const outcome = attempt(() => admitted(resources, withCeilings(ceiling), has));
      if (outcome instanceof BulkheadError) {
        expect(outcome.code).toBe('refused');
        expect(outcome.fields.length).toBeGreaterThan(0);
        return;
      }
      const { limits } = outcome.sandbox;
      expect(violations(outcome.sandbox)).toEqual([]);
      expect(limits.cpuCores).toBeLessThanOrEqual(Math.min(has.cpuCores, ceiling.cpu_cores ?? Infinity));
      expect(limits.memoryBytes).toBeLessThanOrEqual(
        Math.min(has.memoryBytes, (ceiling.ram_gb ?? Infinity) * GIB),
      );
      expect(limits.diskBytes).toBeLessThanOrEqual(
        Math.min(has.diskBytes, (ceiling.disk_gb ?? Infinity) * GIB),
      );
    }),
    { numRuns: 1000 },
  );
});

test('a ceiling more never admits a task that was refused', () => {
  fc.assert(
    fc.property(asked, ceilings, machine, (resources, ceiling, has) => {
      const without = attempt(() => admitted(resources, DEFAULT_SITE_POLICY, has));
      const under = attempt(() => admitted(resources, withCeilings(ceiling), has));
      if (without instanceof BulkheadError) expect(under).toBeInstanceOf(BulkheadError);
    }),
    { numRuns: 1000 },
  );
});

function attempt(run: () => Admission): Admission | BulkheadError {
  try {
    return run();
  } catch (error) {
    if (isBulkheadError(error)) return error;
    throw error;
  }
}

/** The laws of resolution, for sites, callers and tasks of every kind. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  arbitraryDocument,
  arbitraryRequest,
  arbitrarySite,
  FIELD_VALUES,
} from '../../test/doubles/arbitrary-policy.ts';
import { admissionRequest, ALL_ABILITIES } from '../../test/doubles/site.ts';
import { parseEndpoint } from '../sandbox/endpoint.ts';
import { executorSandbox } from '../sandbox/executor.ts';
import { violations } from '../sandbox/invariants.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { admit } from './admission.ts';
import { EXECUTOR_FIELDS, SCALES, TASK_FIELDS } from './fields.ts';
import type { Field, Grants, Values } from './fields.ts';
import type { Decision } from './decision.ts';
import type { Scale } from './scale.ts';
import { resolve } from './resolution.ts';
import type { AdmissionRequest, Resolution } from './resolution.ts';
import type { Preset, SitePolicy } from './site.ts';

const RUNS = { numRuns: 1500 };
const ANN = { subject: 'ann', groups: ['lab'] };

/** A value of one field. */
const bound = fc
  .constantFrom(...EXECUTOR_FIELDS, ...TASK_FIELDS)
  .chain((field) => FIELD_VALUES[field].map((value): [Field, Preset] => [field, { [field]: value }]));

/** The values of the whole vocabulary that one executor has in the end. */
function valuesOf(sandbox: Sandbox, index: number): Values {
  const { limits, ...own } = executorSandbox(sandbox, index);
  return {
    ...own,
    // Which hosts an open network reaches is everything, whatever is listed.
    egress: (own.network === 'open' ? ['*:*'] : (own.egress ?? []))
      .map(parseEndpoint)
      .filter((endpoint) => endpoint !== undefined),
    pids: limits.pids,
    timeout: limits.wallTimeMs,
    cpu_cores: limits.cpuCores,
    ram_gb: limits.memoryBytes / 2 ** 30,
    disk_gb: limits.diskBytes / 2 ** 30,
  };
}

function isFieldWithin<F extends Field>(field: F, one: Pick<Values, F>, other: Pick<Values, F>): boolean {
  return SCALES[field].isWithin(one[field], other[field]);
}

/** Fields in which the first sandbox grants what the second doesn't. */
function looser(one: Sandbox, other: Sandbox, executors: number): string[] {
  const fields: readonly Field[] = [...EXECUTOR_FIELDS, ...TASK_FIELDS];
  return Array.from({ length: executors }, (_, index) => index).flatMap((index) => {
    const [a, b] = [valuesOf(one, index), valuesOf(other, index)];
    return fields.filter((field) => !isFieldWithin(field, a, b)).map((field) => `${field}.${index}`);
  });
}

function sorted({ refusals }: Resolution): string[] {
  return refusals.map((each) => JSON.stringify(each)).toSorted();
}

function isAdmitted({ refusals }: Resolution): boolean {
  return refusals.length === 0;
}

function withParameters(request: AdmissionRequest, parameters: Record<string, string>): AdmissionRequest {
  const { document } = request;
  const resources = { ...document.resources, backend_parameters: parameters };
  return { ...request, document: { ...document, resources } };
}

test('resolution is total and deterministic, and what it admits is a legal sandbox', () => {
  let admitted = 0;
  fc.assert(
    fc.property(arbitraryRequest, (request) => {
      const first = resolve(request);
      expect(resolve(structuredClone(request))).toEqual(first);
      if (!isAdmitted(first)) return;
      admitted += 1;
      expect(violations(first.sandbox)).toEqual([]);
    }),
    RUNS,
  );
  // Or else the laws below would be about nothing.
  expect(admitted).toBeGreaterThan(RUNS.numRuns / 20);
});

test('law 1: to ask for what is tighter than what is granted is always granted', () => {
  let tightened = 0;
  fc.assert(
    fc.property(arbitraryRequest, bound, (given, [name, value]) => {
      const request = { ...given, abilities: ALL_ABILITIES };
      const before = resolve(request);
      if (!isAdmitted(before)) return;
      const all = request.document.executors.map((_, index) => valuesOf(before.sandbox, index));
      const asked = written(name, value, all);
      // Sizes are asked for another way.
      if (asked === undefined || name.includes('_')) return;
      const parameters = { ...request.document.resources?.backend_parameters };
      for (const key of Object.keys(parameters)) {
        const isNetwork = /^sandbox_(network|egress)/.test(key) && /network|egress/.test(name);
        if (key.startsWith(`sandbox_${name}`) || isNetwork) delete parameters[key];
      }
      const { tags: _tags, ...document } = request.document;
      const base = resolve(withParameters({ ...request, document }, parameters));
      if (!isAdmitted(base) || looser(base.sandbox, before.sandbox, 3).length > 0) return;
      const after = resolve(withParameters({ ...request, document }, { ...parameters, ...asked }));
      expect(after.refusals).toEqual([]);
      expect(looser(after.sandbox, before.sandbox, 3)).toEqual([]);
      tightened += 1;
    }),
    { numRuns: 4000 },
  );
  expect(tightened).toBeGreaterThan(50);
});

/** What a task would write to ask for a value, where it is within what each executor has. */
function written<F extends Field>(
  field: F,
  { [field]: value }: Grants,
  all: readonly Pick<Values, F>[],
): Record<string, string> | undefined {
  const scale: Scale<Values[F]> = SCALES[field];
  if (value === undefined || !all.every((values) => scale.isWithin(value, values[field]))) return undefined;
  const text = scale.format(value);
  // Egress needs a list, and a list of nothing can't be asked for.
  return text === 'nothing' || text === 'egress' ? undefined : { [`sandbox_${field}`]: text };
}

test('law 2: nothing that a task asks for is weakened, nor changed, unless it is refused', () => {
  fc.assert(
    fc.property(arbitraryRequest, (request) => {
      const resolution = resolve(request);
      if (!isAdmitted(resolution)) return;
      for (const [index, { decisions }] of resolution.executors.entries()) {
        const values = valuesOf(resolution.sandbox, index);
        const check = <F extends Field>(field: F, asked: Values[F] | undefined): void => {
          if (asked === undefined) return;
          if (field === 'isolation') expect(SCALES[field].isWithin(values[field], asked)).toBe(true);
          else expect([field, values[field]]).toEqual([field, asked]);
        };
        for (const field of ['isolation', 'privilege', 'network', 'rootfs', 'compat', 'pids'] as const)
          check(field, decisions[field].asked?.value);
        if (values.network === 'egress') check('egress', decisions.egress.asked?.value);
      }
    }),
    RUNS,
  );
});

function inFront(site: SitePolicy, ceiling: Preset): SitePolicy {
  const rule = { id: 'new', match: {}, defaults: {}, ceilings: ceiling, floors: {}, storage: {} };
  return { ...site, rules: [rule, ...site.rules] };
}

/** Of every executor, the ceiling that a field has. */
function ceilings<F extends Field>(resolution: Resolution, field: F): (Values[F] | undefined)[] {
  const all = [resolution.task, ...resolution.executors].map(
    ({ decisions }): { readonly [P in Field]?: Decision<Values[P]> } => decisions,
  );
  return all
    .map((decisions) => decisions[field])
    .filter((decision) => decision !== undefined)
    .map(({ bounds }) => bounds.find(({ kind }) => kind === 'ceiling')?.value);
}

function isWithinAll<F extends Field>(
  field: F,
  { [field]: own }: Grants,
  bounds: readonly (Values[F] | undefined)[],
): boolean {
  const scale: Scale<Values[F]> = SCALES[field];
  return own !== undefined && bounds.every((each) => each !== undefined && scale.isWithin(own, each));
}

test('law 3: a ceiling, where none was written, loosens no field of any task', () => {
  fc.assert(
    fc.property(arbitraryRequest, bound, (request, [field, ceiling]) => {
      const bare = without(request, field);
      const before = resolve(bare);
      const after = resolve({
        ...bare,
        site: { ...bare.site, ceilings: { ...bare.site.ceilings, ...ceiling } },
      });
      if (isAdmitted(before) && isAdmitted(after))
        expect(looser(after.sandbox, before.sandbox, 2)).toEqual([]);
    }),
    RUNS,
  );
});

test('law 3: a ceiling that is tighter than the one before it loosens no field and admits nothing more', () => {
  let tightened = 0;
  fc.assert(
    fc.property(arbitraryRequest, bound, (given, [field, ceiling]) => {
      const request = { ...given, abilities: ALL_ABILITIES };
      const before = resolve(request);
      // Of defaults that no sandbox may be together, a ceiling can make some that may.
      if (before.refusals.some(({ problem }) => problem.includes('host root'))) return;
      const isTighter = isWithinAll(field, ceiling, ceilings(before, field));
      // An allow-list counts for nothing where the ceiling is an open network.
      if (!isTighter || field === 'egress') return;
      const after = resolve({ ...request, site: inFront(request.site, ceiling) });
      tightened += 1;
      if (!isAdmitted(before)) expect(isAdmitted(after)).toBe(false);
      else if (isAdmitted(after)) expect(looser(after.sandbox, before.sandbox, 2)).toEqual([]);
    }),
    RUNS,
  );
  expect(tightened).toBeGreaterThan(50);
});

/** A site in which nobody writes a ceiling of a field. */
function without(request: AdmissionRequest, field: Field): AdmissionRequest {
  const strip = ({ profile: _profile, ...preset }: Preset): Preset => ({ ...preset, [field]: undefined });
  const { site } = request;
  return {
    ...request,
    site: {
      ...site,
      ceilings: strip(site.ceilings),
      rules: site.rules.map((rule) => ({ ...rule, ceilings: strip(rule.ceilings) })),
    },
  };
}

test('law 4: the order of a task’s keys doesn’t matter', () => {
  fc.assert(
    fc.property(arbitraryRequest, fc.nat(), (request, seed) => {
      const shuffle = (record: Record<string, string> = {}): Record<string, string> => {
        const entries = Object.entries(record);
        const at = entries.length === 0 ? 0 : seed % entries.length;
        return Object.fromEntries([...entries.slice(at), ...entries.slice(0, at)].toReversed());
      };
      const { document } = request;
      const { tags, resources } = document;
      const shuffled = {
        ...request,
        document: {
          ...document,
          tags: shuffle(tags),
          resources: { ...resources, backend_parameters: shuffle(resources?.backend_parameters) },
        },
      };
      const [one, other] = [resolve(request), resolve(shuffled)];
      expect(other.sandbox).toEqual(one.sandbox);
      expect(sorted(other)).toEqual(sorted(one));
    }),
    RUNS,
  );
});

test('law 5: every refusal names its field and what was asked, with the bound and who wrote it, all at once', () => {
  fc.assert(
    fc.property(arbitrarySite, arbitraryDocument, (site, document) => {
      const request = admissionRequest(document, ANN, { site, abilities: ALL_ABILITIES });
      const { refusals, executors, task } = resolve(request);
      for (const { field, problem } of refusals) {
        expect(problem).not.toBe('');
        if (field === '') continue;
        expect(field).toMatch(/^\/(resources|tags|executors)\//);
      }
      const problems = new Set(refusals.map(({ problem }) => problem));
      const decisions = [
        ...Object.values(task.decisions),
        ...executors.flatMap((each) => Object.values(each.decisions)),
      ];
      for (const { refusal } of decisions) {
        if (refusal === undefined) continue;
        expect(problems).toContain(refusal.problem);
        if (/, the (ceiling|floor|limit) is /.test(refusal.problem))
          expect(refusal.problem).toMatch(
            /^asked .+, the (ceiling|floor|limit) is .+ \((this machine|policy\.(defaults|ceilings|floors)\..+|rule rule-\d: (defaults|ceilings|floors)\..+)\)$/,
          );
      }
      if (refusals.length > 0) {
        expect(() => admit(request)).toThrow(expect.objectContaining({ code: 'refused', fields: refusals }));
      }
    }),
    RUNS,
  );
});

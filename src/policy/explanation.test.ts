import { describe, expect, test } from 'vitest';
import { admissionRequest, ALL_ABILITIES } from '../../test/doubles/site.ts';
import { explain } from './explanation.ts';
import type { ExplainedField, Explanation } from './explanation.ts';
import { DEFAULT_SITE_POLICY } from './site.ts';
import type { Rule, SitePolicy } from './site.ts';

const EMPTY = { match: {}, defaults: {}, ceilings: {}, floors: {}, storage: {} };

function explained(
  parameters: Record<string, string>,
  site: Partial<SitePolicy> = {},
  images: readonly string[] = ['alpine'],
): Explanation {
  const document = {
    executors: images.map((image) => ({ image, command: ['true'] })),
    resources: { cpu_cores: 2, backend_parameters: parameters },
  };
  const policy = { ...DEFAULT_SITE_POLICY, ...site };
  return explain(admissionRequest(document, undefined, { site: policy, abilities: ALL_ABILITIES }));
}

function field({ task, executors }: Explanation, name: string, executor = 0): ExplainedField | undefined {
  return [...task, ...(executors[executor]?.fields ?? [])].find((each) => each.field === name);
}

test('a task that asks for nothing has the site’s defaults, each with where it is written', () => {
  const explanation = explained({});
  expect(explanation).toMatchObject({
    isAdmitted: true,
    refusals: [],
    warnings: [],
    sandbox: { profile: 'standard' },
  });
  expect(explanation.task.map((each) => each.field)).toEqual(['timeout', 'cpu_cores', 'ram_gb', 'disk_gb']);
  expect(explanation.executors).toMatchObject([{ index: 0, image: 'alpine', rules: [] }]);
  expect(field(explanation, 'pids')).toEqual({
    field: 'pids',
    value: '1024',
    asked: undefined,
    default: { value: '1024', from: 'policy.defaults.pids', rule: undefined },
    ceiling: { value: '1024', from: 'policy.defaults.pids', rule: undefined },
    floor: undefined,
    machine: undefined,
    decidedBy: 'policy.defaults.pids',
    rule: undefined,
  });
  expect(field(explanation, 'timeout')).toMatchObject({
    value: 'none',
    decidedBy: 'policy.defaults.timeout',
  });
  expect(field(explanation, 'cpu_cores')).toMatchObject({
    value: '2',
    asked: { as: 'cpu_cores=2', at: '/resources/cpu_cores' },
    machine: { value: '4', from: 'this machine' },
    ceiling: undefined,
    decidedBy: 'the task',
  });
});

test('what a rule decides has its id, and what it bounds', () => {
  const rules: Rule[] = [
    { ...EMPTY, id: 'lab', defaults: { pids: 50 }, floors: { rootfs: 'readonly' } },
    { ...EMPTY, id: 'images', match: { images: ['ubuntu'] }, ceilings: { pids: 20 } },
  ];
  const explanation = explained({}, { rules }, ['alpine', 'ubuntu']);
  expect(explanation.executors.map((executor) => executor.rules)).toEqual([['lab'], ['lab', 'images']]);
  expect(field(explanation, 'pids')).toMatchObject({
    value: '50',
    decidedBy: 'rule lab: defaults.pids',
    rule: 'lab',
  });
  expect(field(explanation, 'pids', 1)).toMatchObject({
    value: '20',
    default: { value: '50', from: 'rule lab: defaults.pids', rule: 'lab' },
    ceiling: { value: '20', from: 'rule images: ceilings.pids', rule: 'images' },
    rule: 'images',
  });
  expect(field(explanation, 'rootfs')).toMatchObject({
    value: 'readonly',
    floor: { value: 'readonly', from: 'rule lab: floors.rootfs', rule: 'lab' },
  });
});

test('a task that is refused is explained too', () => {
  const explanation = explained({ sandbox_privilege: 'root-mapped', vm: 'x' });
  expect(explanation.isAdmitted).toBe(false);
  expect(explanation.refusals).toHaveLength(1);
  expect(explanation.warnings).toHaveLength(1);
  expect(field(explanation, 'privilege')).toMatchObject({
    value: 'root-capless',
    asked: { as: 'sandbox_privilege=root-mapped' },
    decidedBy: 'policy.defaults.profile: standard',
  });
});

describe('a list of places is shown', () => {
  const site = { ceilings: { network: 'egress', egress: [{ host: 'a.org', port: 443 }] } } as const;

  test('where there is egress, and where it is refused', () => {
    expect(field(explained({ sandbox_egress: 'a.org:443' }, site), 'egress')).toMatchObject({
      value: 'a.org:443',
    });
    expect(field(explained({ sandbox_egress: 'b.org:443' }, site), 'egress')).toMatchObject({
      value: 'nothing',
      asked: { as: 'sandbox_egress=b.org:443' },
    });
  });

  test('and nowhere else', () => {
    expect(field(explained({}, site), 'egress')).toBeUndefined();
    expect(field(explained({ sandbox_network: 'none' }, site), 'egress')).toBeUndefined();
  });
});

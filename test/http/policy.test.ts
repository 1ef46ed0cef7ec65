import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Principal } from '../../src/auth/authenticator.ts';
import { admit } from '../../src/policy/admission.ts';
import { DEFAULT_SITE_POLICY } from '../../src/policy/site.ts';
import type { Rule, SitePolicy } from '../../src/policy/site.ts';
import { createSiteAdmission } from '../../src/compose/site-admission.ts';
import { admissionRequest } from '../doubles/site.ts';
import { schemaProblems } from '../kubernetes/openapi.ts';
import { startRig, TASK } from './rig.ts';
import type { Answer, Rig } from './rig.ts';

const EMPTY = { match: {}, defaults: {}, ceilings: {}, floors: {}, storage: {} };
const RULES: readonly Rule[] = [
  {
    ...EMPTY,
    id: 'lab',
    match: { groups: ['lab'] },
    ceilings: { privilege: 'root-mapped', pids: 4096 },
    storage: { write: ['/out'] },
  },
  {
    ...EMPTY,
    id: 'old',
    match: { groups: ['lab'], images: ['ubuntu:14.*'] },
    floors: { rootfs: 'readonly' },
    refuse: 'too old',
  },
  { ...EMPTY, id: 'secret', match: { subjects: ['root-of-all'] }, ceilings: { network: 'open' } },
];
const SITE: SitePolicy = { ...DEFAULT_SITE_POLICY, floors: { isolation: 'userns' }, rules: RULES };
const CALLERS: Readonly<Record<string, Principal>> = {
  ann: { subject: 'ann', groups: ['lab'], method: 'basic' },
  eve: { subject: 'eve', groups: [], method: 'basic' },
  op: { subject: 'op', groups: [], method: 'basic' },
};

let rig: Rig;
beforeEach(async () => {
  const site = createSiteAdmission({
    policy: { current: SITE },
    machine: () => ({ cpuCores: 4, memoryBytes: 2 ** 34, diskBytes: 2 ** 38 }),
    unenforced: [],
  });
  rig = await startRig({
    policy: { ...site, operators: ['op'] },
    admit: async (document, principal) => admit(admissionRequest(document, principal, { site: SITE })),
    authenticator: {
      challenges: [],
      authenticate: async (name = 'eve') => {
        const caller = CALLERS[name];
        if (caller === undefined) throw new Error('nobody');
        return caller;
      },
    },
  });
});
afterEach(async () => {
  await rig.close();
});

function explain(query: string, task: object, caller = 'eve'): Promise<Answer> {
  const headers = { authorization: caller };
  return rig.request(`/bulkhead/v1/policy:explain${query}`, { headers, body: task });
}

const ASKING = { ...TASK, resources: { backend_parameters: { sandbox_privilege: 'root-mapped' } } };

describe('the explanation of a task', () => {
  test('shows field by field what was asked, the default, the bounds, and what decided; nothing is created', async () => {
    const { status, text } = await explain('', ASKING, 'ann');
    expect(status).toBe(200);
    const answer: { task: object[]; executors: { fields: { field: string }[] }[] } = JSON.parse(text);
    expect(answer).toMatchObject({
      admitted: true,
      subject: 'ann',
      groups: ['lab'],
      sandbox: { privilege: 'root-mapped', rules: ['lab'], limits: { pids: 1024 } },
      refusals: [],
      warnings: [],
      executors: [{ index: 0, image: 'alpine', rules: ['lab'] }],
    });
    const { fields = [] } = answer.executors[0] ?? {};
    expect(fields.map(({ field }) => field)).toEqual([
      'isolation',
      'privilege',
      'network',
      'rootfs',
      'compat',
      'pids',
    ]);
    expect(fields[1]).toEqual({
      field: 'privilege',
      value: 'root-mapped',
      asked: { as: 'sandbox_privilege=root-mapped', at: '/resources/backend_parameters/sandbox_privilege' },
      default: { value: 'root-capless', from: 'policy.defaults.profile: standard' },
      ceiling: { value: 'root-mapped', from: 'rule lab: ceilings.privilege' },
      floor: null,
      machine: null,
      decided_by: 'the task',
    });
    expect(fields[0]).toMatchObject({
      value: 'userns',
      asked: null,
      floor: { value: 'userns', from: 'policy.floors.isolation' },
    });
    expect(answer.task[1]).toMatchObject({
      field: 'cpu_cores',
      value: '1',
      machine: { value: '4', from: 'this machine' },
    });
    expect((await rig.request('/v1/tasks', { headers: { authorization: 'ann' } })).json.tasks).toEqual([]);
  });

  test('tells every refusal, as the same task is refused when it is created', async () => {
    const { status, text } = await explain('', ASKING);
    const created = await rig.request('/v1/tasks', { headers: { authorization: 'eve' }, body: ASKING });
    expect([status, created.status]).toEqual([200, 400]);
    expect(JSON.parse(text)).toMatchObject({
      admitted: false,
      sandbox: { privilege: 'root-capless' },
      refusals: [
        {
          field: '/resources/backend_parameters/sandbox_privilege',
          problem: 'asked root-mapped, the ceiling is root-capless (policy.defaults.profile: standard)',
        },
      ],
    });
    expect(created.json.errors).toEqual([
      {
        pointer: '#/resources/backend_parameters/sandbox_privilege',
        detail: 'asked root-mapped, the ceiling is root-capless (policy.defaults.profile: standard)',
      },
    ]);
  });

  test('is for another caller where an operator asks, and for nobody else', async () => {
    const asked = await explain('?as=ann&group=lab&group=x', ASKING, 'op');
    expect(JSON.parse(asked.text)).toMatchObject({ admitted: true, subject: 'ann', groups: ['lab', 'x'] });
    expect(JSON.parse((await explain('?as=ann', ASKING, 'op')).text)).toMatchObject({
      admitted: false,
      groups: [],
    });
    expect(JSON.parse((await explain('?group=lab', ASKING, 'op')).text)).toMatchObject({
      admitted: true,
      subject: 'op',
    });
    for (const query of ['?as=ann', '?group=lab', '?as=eve'])
      expect((await explain(query, ASKING, 'eve')).status).toBe(403);
  });

  test('has what the backend would make, with what only the start decides named', async () => {
    const answer: { specs: object[]; unknown: string[] } = JSON.parse(
      (await explain('?backend=oci', ASKING, 'ann')).text,
    );
    expect(answer.specs).toMatchObject([
      {
        process: { args: ['/.bulkhead-init', '--', 'true'], noNewPrivileges: false },
        linux: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } },
      },
    ]);
    expect(answer.unknown).toContain('/specs/0/process/user');
    expect(JSON.parse((await explain('', ASKING, 'ann')).text)).not.toHaveProperty('specs');
    expect(JSON.parse((await explain('?backend=oci', ASKING, 'eve')).text)).not.toHaveProperty('specs');
  });

  test('has what a cluster would be given, whichever backend the server has', async () => {
    const answer: { specs: { kind: string }[]; unknown: string[]; unenforced: string[] } = JSON.parse(
      (await explain('?backend=kubernetes', ASKING, 'ann')).text,
    );
    expect(answer.specs.map(({ kind }) => kind)).toEqual([
      'Namespace',
      'NetworkPolicy',
      'NetworkPolicy',
      'Pod',
    ]);
    expect(answer.specs).toMatchObject([
      { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } } },
      { spec: { podSelector: {}, egress: [] } },
      { spec: { egress: [] } },
      {
        spec: {
          hostUsers: false,
          initContainers: [{}, { securityContext: { allowPrivilegeEscalation: true } }],
        },
      },
    ]);
    expect(schemaProblems('Pod', answer.specs[3])).toEqual([]);
    expect(answer.unenforced).toContain('pids');
    expect(answer.unknown).toContain('/specs/3/metadata/name');
  });

  test('says what no Pod can spell', async () => {
    const task = { ...TASK, inputs: [{ content: 'x', path: '/file' }] };
    const { status, text } = await explain('?backend=kubernetes', task, 'ann');
    expect(status).toBe(400);
    expect(text).toContain('on a cluster, no file of a task can stand in the root itself');
  });

  test.each([
    ['?backend=docker', 'backend'],
    ['?as=', 'as'],
    ['?as=a&as=b', 'as'],
    ['?as=a&group=', 'group'],
  ])('refuses %s', async (query, name) => {
    const { status, json } = await explain(query, TASK, 'op');
    expect(status).toBe(400);
    expect(json.errors).toEqual([expect.objectContaining({ parameter: name })]);
  });

  test('of what is no task is refused as a task is', async () => {
    expect((await explain('', { executors: [] })).status).toBe(400);
    const odd = { executors: [{ image: 'a'.repeat(64).replaceAll('a', 'f'), command: ['x'] }] };
    expect((await explain('', odd)).json.errors).toEqual([
      expect.objectContaining({ pointer: '#/executors/0/image' }),
    ]);
    expect(
      (await rig.request('/bulkhead/v1/policy:explain', { headers: { authorization: 'eve' } })).status,
    ).toBe(405);
  });
});

async function seen(caller: string): Promise<object> {
  const { status, text } = await rig.request('/bulkhead/v1/policy', { headers: { authorization: caller } });
  expect(status).toBe(200);
  const answer: object = JSON.parse(text);
  return answer;
}

describe('the policy, as a caller sees it', () => {
  test('has its own ceilings, and the rules that hold for some of its tasks', async () => {
    expect(await seen('ann')).toMatchObject({
      subject: 'ann',
      groups: ['lab'],
      profiles: ['strict', 'standard', 'mapped-root'],
      tags: true,
      fields: expect.arrayContaining([
        {
          field: 'privilege',
          default: { value: 'root-capless', from: 'policy.defaults.profile: standard' },
          ceiling: { value: 'root-mapped', from: 'rule lab: ceilings.privilege' },
          floor: null,
        },
        {
          field: 'isolation',
          default: { value: 'userns', from: 'policy.defaults.profile: standard' },
          ceiling: { value: 'userns', from: 'policy.defaults.profile: standard' },
          floor: { value: 'userns', from: 'policy.floors.isolation' },
        },
        {
          field: 'cpu_cores',
          default: { value: '1', from: 'policy.defaults.cpu_cores' },
          ceiling: null,
          floor: null,
        },
      ]),
      read: null,
      write: ['/out'],
      rules: [
        {
          id: 'old',
          match: { images: ['ubuntu:14.*'] },
          defaults: {},
          ceilings: {},
          floors: { rootfs: 'readonly' },
          refuse: 'too old',
        },
      ],
    });
  });

  test('has nothing of what others may', async () => {
    const answer = await seen('eve');
    expect(answer).toMatchObject({ rules: [], write: null });
    const text = JSON.stringify(answer);
    for (const word of ['lab', 'secret', 'root-of-all', '4096', 'open'])
      expect(text).not.toContain(`"${word}`);
  });
});

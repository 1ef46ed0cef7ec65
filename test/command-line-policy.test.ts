import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../src/cli/program.ts';
import { tryPolicy } from '../src/compose/policy-trial.ts';
import { DEFAULT_SITE_POLICY } from '../src/policy/site.ts';
import type { Rule } from '../src/policy/site.ts';
import { createSiteAdmission } from '../src/compose/site-admission.ts';
import { noCapabilities } from './doubles/capabilities.ts';
import { fakeSession } from './doubles/session.ts';
import { startRig } from './http/rig.ts';
import type { Rig } from './http/rig.ts';

let folder: string;
let rig: Rig;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bulkhead-policy-cli-'));
  const lab: Rule = {
    id: 'lab',
    match: { groups: ['lab'] },
    defaults: {},
    ceilings: { privilege: 'root-mapped' },
    floors: {},
    storage: { write: [] },
  };
  const site = createSiteAdmission({
    policy: { current: { ...DEFAULT_SITE_POLICY, rules: [lab] } },
    machine: () => ({ cpuCores: 4, memoryBytes: 2 ** 34, diskBytes: 2 ** 38 }),
    unenforced: [],
  });
  rig = await startRig({ policy: { ...site, operators: [] } });
});
afterEach(async () => {
  await rig.close();
  await rm(folder, { recursive: true, force: true });
});

async function bulkhead(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const session = fakeSession({ cwd: folder });
  const code = await runCommandLine(
    args,
    noCapabilities({ explain: async (...asked) => tryPolicy(...asked) }),
    session,
  );
  return { code, out: session.out(), err: session.err() };
}

async function file(name: string, content: unknown): Promise<string> {
  await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  return name;
}

const TASK = {
  executors: [{ image: 'alpine', command: ['true'] }],
  resources: { backend_parameters: { sandbox_privilege: 'root-mapped', sandbox_pids: '9' } },
};

describe('policy explain', () => {
  test('shows what a task would get and why, and ends with 1 where it would be refused', async () => {
    const task = await file('task.json', TASK);
    const mine = await bulkhead('policy', 'explain', '--server', rig.address, task);
    expect(mine.code).toBe(1);
    expect(mine.out).toMatch(
      /^refused for anonymous\n {2}\/resources\/backend_parameters\/sandbox_privilege: asked root-mapped, the ceiling/,
    );
    expect(mine.out).toMatch(/\npids +9 +sandbox_pids=9 +1024 +1024 +the task\n/);
    const ours = await bulkhead(
      'policy',
      'explain',
      '--server',
      rig.address,
      '--as',
      'ann',
      '--group',
      'lab',
      task,
    );
    expect(ours.code).toBe(0);
    expect(ours.out).toMatch(/^admitted for ann \(lab\)\n/);
    expect(ours.out).toContain('rules that match: lab');
    expect(ours.out).toMatch(
      /\nprivilege +root-mapped +sandbox_privilege=root-mapped +root-capless +root-mapped +the task\n/,
    );
  });

  test('prints what the backend would make', async () => {
    const task = await file('task.json', { executors: TASK.executors });
    const shown = await bulkhead('policy', 'explain', '--server', rig.address, '--backend', 'oci', task);
    expect(shown.out).toContain('runtime spec of executor 0\n{\n');
    const json = await bulkhead(
      'policy',
      'explain',
      '--server',
      rig.address,
      '--backend',
      'oci',
      '--json',
      task,
    );
    expect(JSON.parse(json.out)).toMatchObject({
      admitted: true,
      specs: [{ process: { noNewPrivileges: true } }],
    });
    expect((await bulkhead('policy', 'explain', '--server', rig.address, '--backend', 'vm', task)).code).toBe(
      6,
    );
  });

  test('prints what a cluster would be given, each object by its kind, and what it would not enforce', async () => {
    const task = await file('task.json', { executors: TASK.executors });
    const at = ['--server', rig.address, '--backend', 'kubernetes'];
    const { code, out } = await bulkhead('policy', 'explain', ...at, task);
    expect(code).toBe(0);
    expect([...out.matchAll(/^(\w+)\n\{$/gm)].map(([, kind]) => kind)).toEqual([
      'Namespace',
      'NetworkPolicy',
      'NetworkPolicy',
      'Pod',
    ]);
    expect(out).toMatch(/\nnot enforced there: .*seccomp-profile, pids, .*network-node\n$/);
  });

  test('does nothing to a terminal, whatever is in the task', async () => {
    const task = await file('task.json', { ...TASK, tags: { 'sandbox_\u001b[2J': 'x' } });
    const { out } = await bulkhead('policy', 'explain', '--server', rig.address, task);
    expect(out).not.toContain('\u001b');
  });
});

test('policy show has the caller’s own ceilings', async () => {
  const { code, out } = await bulkhead('policy', 'show', '--server', rig.address);
  expect(code).toBe(0);
  expect(out).toMatch(/\nprivilege +root-capless +root-capless +policy\.defaults\.profile: standard\n/);
  expect(out).toMatch(/\ncpu_cores +1 +the machine\n/);
  expect(out).toContain('profiles: strict, standard, mapped-root\n');
  expect(JSON.parse((await bulkhead('policy', 'show', '--server', rig.address, '--json')).out)).toMatchObject(
    {
      subject: 'anonymous',
    },
  );
});

describe('policy test', () => {
  const CONFIG = {
    policy: {
      ceilings: { cpu_cores: 4 },
      rules: [{ id: 'lab', match: { groups: ['lab'] }, ceilings: { privilege: 'root-mapped' } }],
    },
  };
  const MEMBER = { name: 'the lab may be root', as: 'ann', groups: ['lab'], task: TASK };

  test('is content where every case is as expected', async () => {
    await file('site.yaml', CONFIG);
    const cases = await file('cases.yaml', {
      cases: [
        {
          ...MEMBER,
          expect: { admitted: true, fields: { privilege: 'root-mapped', pids: 9, timeout: 'none' } },
        },
        {
          name: 'nobody else may',
          task: { ...TASK, resources: { ...TASK.resources, cpu_cores: 5 } },
          expect: {
            admitted: false,
            refusals: ['the ceiling is root-capless', '/resources/cpu_cores: asked 5, the ceiling is 4'],
          },
        },
        {
          name: 'no task',
          task: { executors: [] },
          expect: { admitted: false, refusals: ['needs at least one'] },
        },
      ],
    });
    expect(await bulkhead('policy', 'test', '--config', 'site.yaml', cases)).toEqual({
      code: 0,
      out: 'ok  the lab may be root\nok  nobody else may\nok  no task\n\nAll 3 cases are as expected.\n',
      err: '',
    });
  });

  test('tells every difference, and ends with 1', async () => {
    await file('site.yaml', CONFIG);
    const cases = await file('cases.yaml', {
      cases: [
        {
          ...MEMBER,
          expect: { admitted: false, refusals: ['x'], fields: { pids: 8, network: 'none', colour: 'red' } },
        },
        { name: 'odd', task: {}, expect: { admitted: true, fields: { pids: 1 } } },
      ],
    });
    const { code, out } = await bulkhead('policy', 'test', '--config', 'site.yaml', cases);
    expect(code).toBe(1);
    expect(out.split('\n').slice(0, 5)).toEqual([
      'FAILED  the lab may be root',
      '        is admitted',
      '        no refusal has "x"; there are: none',
      '        pids is 9, not 8; decided by the task',
      expect.stringContaining('colour is no field of it; there are timeout, cpu_cores'),
    ]);
    expect(out).toMatch(
      /FAILED {2}odd\n {8}is refused: .*executors.*\n {8}pids is nothing: The task is not valid/,
    );
    expect(out).toContain('2 of 2 cases are not as expected.');
    const json = await bulkhead('policy', 'test', '--config', 'site.yaml', '--json', cases);
    expect(JSON.parse(json.out)).toMatchObject({
      cases: [{ name: MEMBER.name, problems: { length: 4 } }, {}],
    });
  });

  test.each([
    ['no list', { case: [] }],
    ['nothing expected', { cases: [{ name: 'a', task: {}, expect: {} }] }],
    ['a key that is none', { cases: [{ name: 'a', user: 'x', task: {}, expect: { admitted: true } }] }],
    ['what isn’t YAML', 'cases: ['],
  ])('refuses a file of %s', async (_what, content) => {
    await file('site.yaml', CONFIG);
    const { code, err } = await bulkhead(
      'policy',
      'test',
      '--config',
      'site.yaml',
      await file('cases.yaml', content),
    );
    expect([code, err]).toEqual([2, expect.stringMatching(/^bulkhead: The (cases|configuration file)/)]);
  });

  test('refuses a policy that can’t be used', async () => {
    await file('site.yaml', { policy: { defaults: { profile: 'x' } } });
    const cases = await file('cases.yaml', { cases: [{ ...MEMBER, expect: { admitted: true } }] });
    expect(await bulkhead('policy', 'test', '--config', 'site.yaml', cases)).toMatchObject({
      code: 2,
      err: expect.stringContaining('there is no profile "x"'),
    });
  });

  test('finds the examples of the document as it says they are', async () => {
    const page = readFileSync(join(import.meta.dirname, '../docs/policy.md'), 'utf8');
    const [site = '', cases = ''] = [...page.matchAll(/```yaml\n([^`]+)```/g)].map(([, yaml = '']) => yaml);
    await file('site.yaml', site);
    const { code, out } = await bulkhead(
      'policy',
      'test',
      '--config',
      'site.yaml',
      await file('cases.yaml', cases),
    );
    expect([code, out]).toEqual([0, expect.stringContaining('All 2 cases are as expected.')]);
  });
});

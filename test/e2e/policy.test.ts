import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TesTask } from '../../src/tes/task.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

const LOOK = ['sh', '-c', 'id -u; touch /here 2>/dev/null && echo writable || echo readonly; ulimit -n'];

function looks(count: number): { image: string; command: string[] }[] {
  return Array.from({ length: count }, () => ({ image: 'busybox:latest', command: LOOK }));
}

function seen(task: TesTask): string[][] {
  return (task.logs?.[0]?.logs ?? []).map(({ stdout = '' }) => stdout.trim().split('\n').slice(0, 2));
}

async function refusal(document: object): Promise<{ status: number; errors: unknown }> {
  const answer = await server.request('/ga4gh/tes/v1/tasks', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(document),
  });
  const { errors }: { errors?: unknown } = JSON.parse(await answer.text());
  return { status: answer.status, errors };
}

describe('a task that asks for its sandbox', () => {
  it('gets it, executor by executor, and is told what was enforced', async () => {
    const task = await server.run({
      executors: looks(3),
      resources: { backend_parameters: { 'Sandbox_Privilege.1': 'nonroot', 'sandbox_rootfs.2': 'readonly' } },
    });
    expect(seen(task)).toEqual([
      ['0', 'writable'],
      ['65532', 'readonly'],
      ['0', 'readonly'],
    ]);
    expect(task.resources?.backend_parameters).toEqual({
      'sandbox_privilege.1': 'nonroot',
      'sandbox_rootfs.2': 'readonly',
    });
    expect(task.logs?.[0]?.metadata).toMatchObject({
      sandbox_profile: 'standard',
      sandbox_grade: 'observed',
      sandbox_effective: expect.stringContaining('"privilege":"root-capless","rootfs":"ephemeral"'),
      'sandbox_effective.1': expect.stringContaining('"privilege":"nonroot","rootfs":"ephemeral"'),
      'sandbox_effective.2': expect.stringContaining('"privilege":"root-capless","rootfs":"readonly"'),
    });
    const answer = await server.request(`/bulkhead/v1/tasks/${task.id}/sandbox`);
    expect(JSON.parse(await answer.text())).toMatchObject({
      sandbox: {
        privilege: 'root-capless',
        executors: [
          { index: 1, privilege: 'nonroot' },
          { index: 2, rootfs: 'readonly' },
        ],
        rules: [],
      },
    });
  });

  it('may do so by tags, as clients must that can send nothing else', async () => {
    const task = await server.run({ executors: looks(1), tags: { sandbox_profile: 'strict', owner: 'ann' } });
    expect(seen(task)).toEqual([['65532', 'readonly']]);
    expect(task.tags).toEqual({ sandbox_profile: 'strict', owner: 'ann' });
    expect(task.logs?.[0]?.metadata).toMatchObject({ sandbox_profile: 'strict' });
  });

  it('is refused what the site doesn’t grant, all of it at once', async () => {
    const parameters = {
      sandbox_network: 'open',
      sandbox_privilege: 'root-mapped',
      sandbox_isolation: 'microvm',
    };
    const { status, errors } = await refusal({
      executors: looks(1),
      resources: { backend_parameters: parameters },
      tags: { sandbox_rootfs: 'hostfs' },
    });
    expect(status).toBe(400);
    expect(errors).toEqual([
      { pointer: '#/tags/sandbox_rootfs', detail: expect.stringContaining('asked "hostfs"; must be one of') },
      {
        pointer: '#/resources/backend_parameters/sandbox_privilege',
        detail: expect.stringContaining('the ceiling is root-capless (policy.defaults.profile: standard)'),
      },
      {
        pointer: '#/resources/backend_parameters/sandbox_network',
        detail: expect.stringContaining('asked open, the ceiling is none'),
      },
      {
        pointer: '#/resources/backend_parameters/sandbox_isolation',
        detail: 'asked microvm, and the backend of this site makes userns, namespace only',
      },
    ]);
  });
});

describe('nothing but the parameters and tags asks for a sandbox', () => {
  it('neither an environment, nor a key that looks like one', async () => {
    const env = { sandbox_privilege: 'nonroot', BULKHEAD_POLICY__DEFAULTS__PROFILE: 'mapped-root' };
    const task = await server.run({
      name: 'sandbox_profile=strict',
      executors: [
        { image: 'busybox:latest', command: ['sh', '-c', 'id -u; grep CapEff /proc/self/status'], env },
      ],
    });
    expect(task.logs?.[0]?.logs?.[0]?.stdout).toMatch(/^0\nCapEff:\s+0{16}\n$/);
    const parameters = { 'sandbox\u200b_profile': 'mapped-root' };
    const { status } = await refusal({ executors: looks(1), resources: { backend_parameters: parameters } });
    expect(status).toBe(400);
  });
});

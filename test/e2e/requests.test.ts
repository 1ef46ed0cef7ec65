import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TesTask } from '../../src/tes/task.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';

/** Lists, keys and the command line, while tasks of a real server come and go. */
let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

const task = (name: string, tags: Record<string, string> = {}, command = ['true']) => ({
  name,
  tags,
  resources: { cpu_cores: 0.25 },
  executors: [{ image: 'busybox:latest', command }],
});

interface Page {
  readonly tasks: TesTask[];
  readonly next_page_token?: string;
}

async function page(query: Record<string, string>): Promise<Page> {
  const answer = await server.request(`/ga4gh/tes/v1/tasks?${new URLSearchParams(query).toString()}`);
  const body: Page = JSON.parse(await answer.text());
  return body;
}

describe('a list', () => {
  it('loses and repeats nothing while tasks arrive, start and end', async () => {
    const before: string[] = [];
    for (let at = 0; at < 12; at += 1) before.push(await server.create(task(`paged-${at}`)));
    const seen: string[] = [];
    const arrived: string[] = [];
    let token = '';
    do {
      const { tasks, next_page_token: next = '' } = await page({
        page_size: '5',
        name_prefix: 'paged-',
        ...(token === '' ? {} : { page_token: token }),
      });
      seen.push(...tasks.map(({ id }) => id));
      arrived.push(await server.create(task('paged-later')));
      token = next;
    } while (token !== '');
    expect(new Set(seen).size).toBe(seen.length);
    expect(before.filter((id) => !seen.includes(id))).toEqual([]);
    for (const id of [...before, ...arrived]) expect((await server.ended(id)).state).toBe('COMPLETE');
  });

  it('finds by tags that are zipped with their values, and by state only where it is asked to', async () => {
    const both = await server.create(task('tagged', { run: '7', step: 'map' }));
    const one = await server.create(task('tagged', { run: '7' }, ['false']));
    for (const id of [both, one]) await server.ended(id);
    const found = async (query: string): Promise<string[]> => {
      const answer = await server.request(`/v1/tasks?name_prefix=tagged&${query}`);
      const { tasks }: Page = JSON.parse(await answer.text());
      return tasks.map(({ id }) => id).toSorted();
    };
    expect(await found('tag_key=run&tag_value=7')).toEqual([both, one].toSorted());
    expect(await found('tag_key=run&tag_value=7&tag_key=step&tag_value=map')).toEqual([both]);
    expect(await found('tag_key=step&tag_key=run&tag_value=&tag_value=7')).toEqual([both]);
    expect(await found('tag_key=run&tag_value=8')).toEqual([]);
    expect(await found('state=EXECUTOR_ERROR')).toEqual([one]);
    expect(await found('')).toEqual([both, one].toSorted());
  });
});

describe('the same request, sent again', () => {
  it('with its key answers the task that is there, which runs once; another task with that key is refused', async () => {
    const key = { 'idempotency-key': '"3f2c-1"' };
    const ids = await Promise.all([1, 2, 3].map(() => server.create(task('once'), key)));
    expect(new Set(ids).size).toBe(1);
    expect((await server.ended(ids[0] ?? '')).state).toBe('COMPLETE');
    expect(await server.create(task('once'), key)).toBe(ids[0]);
    expect((await page({ name_prefix: 'once' })).tasks).toHaveLength(1);
    await expect(server.create(task('other'), key)).rejects.toThrow(/answered 409/);
  });
});

describe('the command line', () => {
  it('run passes on both streams as they are, and ends with the exit code of the command', async () => {
    const script = 'cat; echo err >&2; exit 9';
    const ran = await server.bulkhead(
      ['run', '-q', '--cpu', '0.25', '--stdin', '-', 'busybox:latest', '--', 'sh', '-c', script],
      {
        stdin: 'from here\n',
      },
    );
    expect(ran).toMatchObject({ code: 9, stdout: 'from here\n', stderr: expect.stringContaining('err\n') });
  });

  it('run of an image that cannot be had says which, and ends with the code for that', async () => {
    const ran = await server.bulkhead(['run', 'no-such:image', '--', 'true']);
    expect(ran).toMatchObject({ code: 125, stderr: expect.stringContaining('no-such') });
  });

  it('detached, waited for, listed, shown, and its logs read', async () => {
    const words = ['run', '-d', '--cpu', '0.25', '--tag', 'by=hand', 'busybox:latest', '--', 'echo', 'told'];
    const id = (await server.bulkhead(words)).stdout.trim();
    expect((await server.bulkhead(['task', 'wait', id])).code).toBe(0);
    expect((await server.bulkhead(['task', 'list', '--tag', 'by=hand'])).stdout).toContain(id);
    expect((await server.bulkhead(['task', 'logs', id])).stdout).toBe('told\n');
    const shown = await server.bulkhead(['task', 'get', '--json', id]);
    expect(JSON.parse(shown.stdout)).toMatchObject({ id, state: 'COMPLETE' });
  });

  it('cancels a task that runs', async () => {
    const id = await server.create(task('long', {}, ['sleep', '600']));
    await until(async () => (await server.get(id)).state === 'RUNNING', { what: 'RUNNING' });
    expect((await server.bulkhead(['task', 'cancel', id])).code).toBe(0);
    expect((await server.ended(id)).state).toBe('CANCELED');
  });
});

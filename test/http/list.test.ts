import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRig, TASK } from './rig.ts';
import type { Rig } from './rig.ts';

let rig: Rig;
const ids: string[] = [];
beforeAll(async () => {
  rig = await startRig();
  const tasks = [
    { name: 'align-1', tags: { project: 'a', run: '1' } },
    { name: 'align-2', tags: { project: 'a', run: '' } },
    { name: 'Align-3', tags: { project: 'b' } },
    { name: 'call%_1' },
    { tags: { project: 'a' } },
  ];
  for (const task of tasks) ids.push(await rig.create({ ...TASK, ...task }));
  await rig.request(`/tasks/${ids[3]}:cancel`, { method: 'POST' });
});
afterAll(() => rig.close());

async function list(query: string) {
  const { status, json, text } = await rig.request(`/ga4gh/tes/v1/tasks${query}`);
  expect({ status, text }).toMatchObject({ status: 200 });
  const { tasks = [], ...rest } = json;
  return { tasks, ...rest };
}

/** Which of the tasks are answered, as digits in the order of creation. */
async function found(query: string): Promise<string> {
  const { tasks } = await list(query);
  const positions = tasks.map(({ id }) => ids.indexOf(id));
  return positions.toSorted((a, b) => a - b).join('');
}

describe('filters', () => {
  test.each([
    ['', '01234'],
    ['?name_prefix=align', '01'],
    ['?name_prefix=call%25_', '3'],
    ['?name_prefix=%25', ''],
    ['?state=CANCELED', '3'],
    ['?state=QUEUED', '0124'],
    ['?state=RUNNING', ''],
    ['?tag_key=project', '0124'],
    ['?tag_key=project&tag_value=a', '014'],
    ['?tag_key=project&tag_value=', '0124'],
    ['?tag_key=project&tag_value=a&tag_key=run&tag_value=1', '0'],
    ['?tag_key=project&tag_key=run&tag_value=a', '01'],
    ['?tag_key=run&tag_value=2', ''],
    ['?tag_key=project&tag_value=a&name_prefix=align&state=QUEUED', '01'],
    ['?unknown=1&state=&name_prefix=&view=', '01234'],
  ])('%s', async (query, expected) => {
    expect(await found(query)).toBe(expected);
  });
});

describe('pages', () => {
  test('of two, newest first, hold everything once though tasks arrive meanwhile', async () => {
    const seen: string[] = [];
    let token: string | undefined;
    do {
      const page = await list(
        `?page_size=2&tag_key=project${token === undefined ? '' : `&page_token=${token}`}`,
      );
      expect(page.tasks.length).toBeLessThanOrEqual(2);
      seen.push(...page.tasks.map(({ id }) => id));
      token = page.next_page_token;
      if (token !== undefined) await rig.create({ ...TASK, name: 'later', tags: { project: 'z' } });
    } while (token !== undefined);
    expect(seen).toEqual([ids[4], ids[2], ids[1], ids[0]]);
  });

  test('the last page has no token', async () => {
    expect(await list('?page_size=2047')).not.toHaveProperty('next_page_token');
  });
});

describe('views', () => {
  test('MINIMAL is the default', async () => {
    const { tasks } = await list('');
    expect(tasks.every((task) => Object.keys(task).toSorted().join() === 'id,state')).toBe(true);
  });

  test('BASIC and FULL have names and executors', async () => {
    for (const view of ['BASIC', 'FULL']) {
      expect((await list(`?view=${view}&name_prefix=align-1`)).tasks).toMatchObject([
        { name: 'align-1', executors: TASK.executors, logs: [], creation_time: expect.any(String) },
      ]);
    }
  });
});

describe('what is 400, with the parameter', () => {
  test.each([
    ['page_size=0', 'page_size'],
    ['page_size=2048', 'page_size'],
    ['page_size=-1', 'page_size'],
    ['page_size=1e2', 'page_size'],
    ['page_size=many', 'page_size'],
    ['page_size=1&page_size=2', 'page_size'],
    ['page_token=nonsense', 'page_token'],
    ['page_token=%00', 'page_token'],
    ['state=DONE', 'state'],
    ['state=queued', 'state'],
    ['view=full', 'view'],
    ['view=FULL&view=FULL', 'view'],
    ['tag_key=a&tag_value=1&tag_value=2', 'tag_value'],
  ])('%s', async (query, parameter) => {
    expect(await rig.request(`/v1/tasks?${query}`)).toMatchObject({
      status: 400,
      json: { errors: [{ parameter }] },
    });
  });

  test('all at once', async () => {
    const { json } = await rig.request('/tasks?page_size=0&state=x&view=y');
    expect(json.errors).toHaveLength(3);
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { basicHeader, describeAuthenticator } from '../../test/contract/authenticator.ts';
import { createBasicAuthenticator } from './basic.ts';
import { createBearerAuthenticator } from './bearer.ts';
import { createCompositeAuthenticator } from './composite.ts';
import { createNoneAuthenticator } from './none.ts';
import { addToken } from './tokens-file.ts';
import { putUser } from './users-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'auth-'));
const usersFile = join(folder, 'users.json');
const tokensFile = join(folder, 'tokens.json');
let secret = '';

beforeAll(async () => {
  await putUser(usersFile, { name: 'ada', groups: ['lab'], password: 'correct horse' });
  await putUser(usersFile, { name: 'eve', groups: [], password: 'käse:mit:doppelpunkt' });
  secret = (await addToken(tokensFile, { subject: 'robot', groups: ['ci'] }, new Date(0))).secret;
});
afterAll(() => rmSync(folder, { recursive: true }));

function onProblem(problem: string): never {
  throw new Error(problem);
}

async function users() {
  return [
    {
      header: basicHeader('ada', 'correct horse'),
      principal: { subject: 'ada', groups: ['lab'], method: 'basic' },
    },
    {
      header: basicHeader('eve', 'käse:mit:doppelpunkt'),
      principal: { subject: 'eve', groups: [], method: 'basic' },
    },
  ];
}

async function tokens() {
  return [{ header: `Bearer ${secret}`, principal: { subject: 'robot', groups: ['ci'], method: 'bearer' } }];
}

describeAuthenticator('none', {
  create: async () => createNoneAuthenticator(),
  accepted: async () => [
    { header: basicHeader('ada', 'x'), principal: { subject: 'anonymous', groups: [], method: 'none' } },
  ],
  letsEverybodyIn: true,
});

describeAuthenticator('basic', {
  create: async () => createBasicAuthenticator({ usersFile, rememberMs: 60_000, onProblem }),
  accepted: users,
  letsEverybodyIn: false,
});

describeAuthenticator('bearer', {
  create: async () => createBearerAuthenticator({ tokensFile, onProblem }),
  accepted: tokens,
  letsEverybodyIn: false,
});

describeAuthenticator('basic and bearer together', {
  create: async () =>
    createCompositeAuthenticator({
      basic: createBasicAuthenticator({ usersFile, rememberMs: 60_000, onProblem }),
      bearer: createBearerAuthenticator({ tokensFile, onProblem }),
    }),
  accepted: async () => [...(await users()), ...(await tokens())],
  letsEverybodyIn: false,
});

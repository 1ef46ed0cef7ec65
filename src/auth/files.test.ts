import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hashPassword, verifyPassword } from './password-hash.ts';
import { changePrivateFile } from './private-file.ts';
import { addToken, hashToken, readTokens, removeTokens } from './tokens-file.ts';
import { putUser, readUsers } from './users-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'auth-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a private file', () => {
  test('is mode 0600 in a folder of mode 0700, with nothing left beside it', async () => {
    const file = join(folder, 'new', 'users.json');
    await changePrivateFile(file, () => 'text');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(folder, 'new'))).toEqual(['users.json']);
  });

  test('stays as it was where the change fails', async () => {
    const file = join(folder, 'f');
    await changePrivateFile(file, () => 'before');
    const change = changePrivateFile(file, () => {
      throw new Error('no');
    });
    await expect(change).rejects.toThrow('no');
    expect(readFileSync(file, 'utf8')).toBe('before');
    expect(readdirSync(folder)).toEqual(['f']);
  });

  test('that another process changes is refused, and a lock that was left behind is not', async () => {
    const file = join(folder, 'f');
    writeFileSync(`${file}.lock`, '1');
    await expect(changePrivateFile(file, () => 'x')).rejects.toMatchObject({ code: 'conflict' });
    writeFileSync(`${file}.lock`, '4194305');
    await changePrivateFile(file, () => 'x');
    expect(readFileSync(file, 'utf8')).toBe('x');
    expect(readdirSync(folder)).toEqual(['f']);
  });
});

describe('the users file', () => {
  test('holds a hash and never the password', async () => {
    const file = join(folder, 'users.json');
    expect(await putUser(file, { name: 'ada', groups: ['lab'], password: 'correct horse' })).toEqual({
      existed: false,
    });
    expect(await putUser(file, { name: 'ada', groups: [], password: 'correct horse' })).toEqual({
      existed: true,
    });
    expect(readFileSync(file, 'utf8')).not.toContain('correct horse');
    expect((await readUsers(file)).get('ada')).toMatchObject({
      groups: [],
      password: expect.stringMatching(/^\$scrypt\$ln=15/),
    });
  });

  test.each([
    ['a colon in the name', 'a:b', 'long enough'],
    ['a control character in the name', 'a\u001b[2J', 'long enough'],
    ['an empty name', '', 'long enough'],
    ['a short password', 'ada', 'short'],
  ])('refuses %s', async (_, name, password) => {
    const added = putUser(join(folder, 'users.json'), { name, groups: [], password });
    await expect(added).rejects.toMatchObject({ code: 'invalid' });
  });
});

describe('a password', () => {
  test('has another hash each time, and is right in either Unicode form', async () => {
    const composed = 'Käse und Brot';
    const [one, two] = await Promise.all([hashPassword(composed), hashPassword(composed)]);
    expect(one).not.toBe(two);
    expect(await verifyPassword(composed.normalize('NFD'), one)).toBe(true);
    expect(await verifyPassword('Kase und Brot', one)).toBe(false);
  });

  test.each([
    '',
    'correct horse',
    '$scrypt$ln=15,r=8,p=3$$',
    `$scrypt$ln=30,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`,
  ])('is never right against %j', async (hash) => {
    expect(await verifyPassword('correct horse', hash)).toBe(false);
  });
});

describe('the tokens file', () => {
  test('holds the hash of 256 random bits, and forgets a revoked one', async () => {
    const file = join(folder, 'tokens.json');
    const { id, secret } = await addToken(
      file,
      { subject: 'ci', groups: ['lab'] },
      new Date('2026-01-02T03:04:05Z'),
    );
    const other = await addToken(file, { subject: 'ci', groups: [] }, new Date(0));
    expect(secret).toMatch(/^bulkhead_[A-Za-z0-9_-]{43}$/);
    expect(readFileSync(file, 'utf8')).not.toContain(secret);
    expect((await readTokens(file)).get(hashToken(secret))).toMatchObject({
      id,
      subject: 'ci',
      groups: ['lab'],
    });
    expect(await removeTokens(file, 'ci', id)).toBe(1);
    expect([...(await readTokens(file)).values()].map((token) => token.id)).toEqual([other.id]);
    expect(await removeTokens(file, 'ci')).toBe(1);
    expect(await removeTokens(file, 'ci')).toBe(0);
  });
});

import { mkdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

import { temporaryFolder } from '../../../test/fixtures/provider.ts';
import { resolveUser } from './user.ts';

const PASSWD =
  'root:x:0:0:root:/root:/bin/sh\nrubbish\nme:x:1000:100:Me:/home/me:/bin/sh\n7:x:42:42::relative:/bin/sh\nfar:x:70000:1::/:\n';
const GROUP = 'root:x:0:\nusers:x:100:me\nlab:x:200:you,me\nmore:x:201:me\nhuge:x:70000:me\nrubbish\n';

async function root(): Promise<Awaited<ReturnType<typeof temporaryFolder>>> {
  const folder = await temporaryFolder();
  await mkdir(folder.at('etc'));
  await writeFile(folder.at('etc', 'passwd'), PASSWD);
  await writeFile(folder.at('etc', 'group'), GROUP);
  return folder;
}

it.each([
  ['', { uid: 0, gid: 0, additionalGids: [], home: '/root', name: 'root' }],
  ['root', { uid: 0, gid: 0, additionalGids: [], home: '/root', name: 'root' }],
  ['me', { uid: 1000, gid: 100, additionalGids: [200, 201], home: '/home/me', name: 'me' }],
  ['1000', { uid: 1000, gid: 100, additionalGids: [200, 201], home: '/home/me', name: 'me' }],
  ['me:lab', { uid: 1000, gid: 200, additionalGids: [], home: '/home/me', name: 'me' }],
  ['me:5', { uid: 1000, gid: 5, additionalGids: [], home: '/home/me', name: 'me' }],
  ['me:', { uid: 1000, gid: 100, additionalGids: [200, 201], home: '/home/me', name: 'me' }],
  ['1234', { uid: 1234, gid: 0, additionalGids: [], home: '/', name: undefined }],
  ['1234:lab', { uid: 1234, gid: 200, additionalGids: [], home: '/', name: undefined }],
  // A name of digits is a name first, as Docker has it.
  ['7', { uid: 42, gid: 42, additionalGids: [], home: '/', name: '7' }],
])('%j is resolved by the image', async (user, expected) => {
  await using folder = await root();
  expect(await resolveUser(folder.path, user)).toEqual(expected);
});

it.each([
  ['nobody', /no user "nobody"/],
  ['me:nogroup', /no group "nogroup"/],
  ['a:b:c', /more than one ":"/],
  ['70000', /0 to 65535 only, and 70000/],
  ['far', /70000/],
  ['0:70000', /70000/],
  ['-1', /no user "-1"/],
])('%j is refused', async (user, message) => {
  await using folder = await root();
  await expect(resolveUser(folder.path, user)).rejects.toMatchObject({
    code: 'image-invalid',
    message: expect.stringMatching(message),
  });
});

it('an image without the files has numbers and root only', async () => {
  await using folder = await temporaryFolder();
  expect(await resolveUser(folder.path, '')).toEqual({
    uid: 0,
    gid: 0,
    additionalGids: [],
    home: '/',
    name: undefined,
  });
  await expect(resolveUser(folder.path, 'me')).rejects.toMatchObject({ code: 'image-invalid' });
});

it.each([
  ['absolute', '/secret'],
  ['climbing', '../../../../../../../../secret'],
  ['in two steps', '/hop'],
])('a symlink is followed inside the image only: %s', async (_, target) => {
  await using outside = await temporaryFolder();
  const rootfs = outside.at('rootfs');
  await mkdir(outside.at('rootfs', 'etc'), { recursive: true });
  await mkdir(outside.at('rootfs', 'deep'));
  await writeFile(outside.at('secret'), 'me:x:1:1::/outside:\n');
  await writeFile(outside.at('rootfs', 'secret'), 'me:x:2:2::/inside:\n');
  await symlink('deep/../secret', outside.at('rootfs', 'hop'));
  await symlink(target, outside.at('rootfs', 'etc', 'passwd'));
  expect(await resolveUser(rootfs, 'me')).toMatchObject({ home: '/inside' });
});

it('control: opened by its plain path, the climbing symlink shows the file outside', async () => {
  await using outside = await temporaryFolder();
  await mkdir(outside.at('rootfs', 'etc'), { recursive: true });
  await writeFile(outside.at('secret'), 'me:x:1:1::/outside:\n');
  await symlink('../../secret', outside.at('rootfs', 'etc', 'passwd'));
  expect(await readFile(outside.at('rootfs', 'etc', 'passwd'), 'utf8')).toContain('/outside');
  await expect(resolveUser(outside.at('rootfs'), 'me')).rejects.toMatchObject({ code: 'image-invalid' });
});

it('loops, directories and huge files are refused', async () => {
  await using folder = await temporaryFolder();
  await mkdir(folder.at('etc'));
  await symlink('passwd', folder.at('etc', 'passwd'));
  await expect(resolveUser(folder.path, 'me')).rejects.toMatchObject({
    code: 'image-invalid',
    message: expect.stringContaining('40 symbolic links'),
  });
  await using other = await root();
  await truncate(other.at('etc', 'group'), 2 ** 33);
  await expect(resolveUser(other.path, 'me')).rejects.toMatchObject({
    code: 'image-invalid',
    message: expect.stringContaining('more than the'),
  });
  await using third = await temporaryFolder();
  await mkdir(third.at('etc', 'passwd'), { recursive: true });
  await expect(resolveUser(third.path, 'me')).rejects.toMatchObject({
    code: 'image-invalid',
    message: expect.stringContaining('regular file'),
  });
});

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { BulkheadError } from '../../errors.ts';
import type { ImageUser } from '../unpacked-images.ts';
import { placeInside } from './places.ts';

const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Resolves `user` of an image's config (`''`, `name`, `uid`, `name:group`, `uid:gid`) by the image's own
 * /etc/passwd and /etc/group, as Docker does: no user means root; an unknown number stands for itself with group 0;
 * further groups only where no group is named. The root must not change meanwhile: it is an unpacked image, not
 * a running task's. Throws `image-invalid` for a name that isn't there and for an id from `idCount` on.
 */
export async function resolveUser(rootfs: string, user: string, idCount = 65_536): Promise<ImageUser> {
  const [who = '', group, ...rest] = user.split(':');
  if (rest.length > 0) throw unusable(user, 'it has more than one ":"');
  const passwd = (await linesOf(rootfs, '/etc/passwd')).flatMap(parsePasswd);
  const groups = (await linesOf(rootfs, '/etc/group')).flatMap(parseGroup);

  const wanted = who === '' ? '0' : who;
  const account =
    passwd.find(({ name }) => name === wanted) ?? passwd.find(({ uid }) => uid === toId(wanted));
  const uid = account?.uid ?? toId(wanted);
  if (uid === undefined)
    throw unusable(user, `the image's /etc/passwd has no user ${JSON.stringify(wanted)}`);

  const isGroupNamed = group !== undefined && group !== '';
  const gid = isGroupNamed
    ? (groups.find(({ name }) => name === group)?.gid ?? toId(group))
    : (account?.gid ?? 0);
  if (gid === undefined) throw unusable(user, `the image's /etc/group has no group ${JSON.stringify(group)}`);
  const additional =
    isGroupNamed || account === undefined
      ? []
      : groups.filter(({ members }) => members.includes(account.name));
  for (const id of [uid, gid]) {
    if (id >= idCount)
      throw unusable(user, `a sandbox has the ids 0 to ${idCount - 1} only, and ${id} is beyond`);
  }
  return {
    uid,
    gid,
    additionalGids: [...new Set(additional.map((entry) => entry.gid))].filter(
      (id) => id !== gid && id < idCount,
    ),
    home: account?.home ?? '/',
    name: account?.name,
  };
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** Source: passwd(5). Lines that make no sense are passed over, as the C library does. */
function parsePasswd(line: string): Account[] {
  const [name = '', , uidText = '', gidText = '', , home = ''] = line.split(':');
  const [uid, gid] = [toId(uidText), toId(gidText)];
  if (name === '' || uid === undefined || gid === undefined) return [];
  return [{ name, uid, gid, home: home.startsWith('/') ? home : '/' }];
}

/** Source: group(5). */
function parseGroup(line: string): { name: string; gid: number; members: readonly string[] }[] {
  const [name = '', , gidText = '', members = ''] = line.split(':');
  const gid = toId(gidText);
  return name === '' || gid === undefined ? [] : [{ name, gid, members: members.split(',') }];
}

function toId(text: string): number | undefined {
  return /^[0-9]{1,10}$/.test(text) ? Number(text) : undefined;
}

/** No lines where the file isn't there. */
async function linesOf(rootfs: string, path: string): Promise<readonly string[]> {
  const { kind, path: real } = await placeInside(rootfs, path);
  if (kind === 'nothing') return [];
  await using file = await open(
    join(rootfs, real),
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  );
  if (!(await file.stat()).isFile())
    throw new BulkheadError('image-invalid', `The image's ${path} isn't a regular file.`);
  const { size } = await file.stat();
  if (size > MAX_FILE_BYTES)
    throw new BulkheadError(
      'image-invalid',
      `The image's ${path} has ${size} bytes, more than the ${MAX_FILE_BYTES} that are read.`,
    );
  const text = (await file.readFile()).toString('utf8');
  return text.split('\n').filter((line) => !line.includes('\0'));
}

function unusable(user: string, problem: string): BulkheadError {
  return new BulkheadError(
    'image-invalid',
    `The image's user ${JSON.stringify(user.slice(0, 100))} can't be used: ${problem}.`,
  );
}

import { BulkheadError } from '../errors.ts';
import { demandName, isName } from './names.ts';
import { hashPassword, isPasswordHash } from './password-hash.ts';
import { changePrivateFile, readIfThere } from './private-file.ts';

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  /** In the PHC string format. */
  readonly password: string;
}

export type Users = ReadonlyMap<string, User>;

/** Shorter ones can be guessed; longer ones than this are no password. */
const PASSWORD_LENGTH = { least: 8, most: 1024 } as const;

/** The users by name. Throws `config` for a text that isn't a users file, naming the entry at fault. */
export function parseUsers(text: string): Users {
  const document = parseDocument(text);
  const users = new Map<string, User>();
  for (const [index, entry] of document.entries()) {
    if (!isUser(entry)) {
      throw new BulkheadError(
        'config',
        `users[${index}] of the users file is not a name, groups and an scrypt hash: remove it and run bulkhead user add`,
      );
    }
    users.set(entry.name, entry);
  }
  return users;
}

export async function readUsers(file: string): Promise<Users> {
  const text = await readIfThere(file);
  return text === undefined ? new Map() : parseUsers(text);
}

/** Adds a user, or changes password and groups of one. Throws `invalid` for a name or password that can't be. */
export async function putUser(
  file: string,
  user: { readonly name: string; readonly groups: readonly string[]; readonly password: string },
): Promise<{ existed: boolean }> {
  demandName('user', user.name);
  for (const group of user.groups) demandName('group', group);
  demandPassword(user.password);
  const password = await hashPassword(user.password);
  let existed = false;
  await changeUsers(file, (users) => {
    existed = users.has(user.name);
    return new Map(users).set(user.name, { name: user.name, groups: user.groups, password });
  });
  return { existed };
}

/** False where there is no such user. */
export async function removeUser(file: string, name: string): Promise<boolean> {
  if (!(await readUsers(file)).has(name)) return false;
  await changeUsers(file, (users) => new Map([...users].filter(([other]) => other !== name)));
  return true;
}

async function changeUsers(file: string, change: (users: Users) => Users): Promise<void> {
  await changePrivateFile(file, (text) => {
    const users = [...change(text === undefined ? new Map() : parseUsers(text)).values()];
    return `${JSON.stringify({ users }, undefined, 2)}\n`;
  });
}

function demandPassword(password: string): void {
  const { least, most } = PASSWORD_LENGTH;
  if (password.length >= least && password.length <= most) return;
  throw new BulkheadError(
    'invalid',
    `The password has ${password.length} characters: use ${least} to ${most}`,
  );
}

function parseDocument(text: string): readonly unknown[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new BulkheadError(
      'config',
      `The users file is not JSON: ${cause instanceof Error ? cause.message : ''}`,
      { cause },
    );
  }
  if (
    typeof document === 'object' &&
    document !== null &&
    'users' in document &&
    Array.isArray(document.users)
  ) {
    return document.users;
  }
  throw new BulkheadError('config', 'The users file has no list named users: bulkhead user add writes it');
}

function isUser(entry: unknown): entry is User {
  if (typeof entry !== 'object' || entry === null) return false;
  if (!('name' in entry && 'groups' in entry && 'password' in entry)) return false;
  return (
    isName(entry.name) &&
    Array.isArray(entry.groups) &&
    entry.groups.every(isName) &&
    typeof entry.password === 'string' &&
    isPasswordHash(entry.password)
  );
}

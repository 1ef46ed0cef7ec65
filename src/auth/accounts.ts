import { addToken, readTokens, removeTokens } from './tokens-file.ts';
import type { Token } from './tokens-file.ts';
import { putUser, readUsers, removeUser } from './users-file.ts';
import type { User } from './users-file.ts';

export interface AccountFiles {
  readonly usersFile: string;
  readonly tokensFile: string;
  readonly now?: () => Date;
}

/** Users and tokens together: whoever has a password, a token or both. */
export function createAccounts({ usersFile, tokensFile, now = () => new Date() }: AccountFiles) {
  return {
    async list() {
      const [users, tokens] = await Promise.all([readUsers(usersFile), readTokens(tokensFile)]);
      const bySubject = Map.groupBy(tokens.values(), (token) => token.subject);
      const names = [...new Set([...users.keys(), ...bySubject.keys()])].sort();
      return names.map((name) => accountOf(name, users.get(name), bySubject.get(name) ?? []));
    },
    put: (user: { readonly name: string; readonly groups: readonly string[]; readonly password: string }) =>
      putUser(usersFile, user),
    async remove(name: string) {
      const existed = await removeUser(usersFile, name);
      return { existed, tokens: await removeTokens(tokensFile, name) };
    },
    addToken: (owner: { readonly subject: string; readonly groups: readonly string[] }) =>
      addToken(tokensFile, owner, now()),
    removeTokens: (subject: string, id?: string) => removeTokens(tokensFile, subject, id),
  };
}

function accountOf(name: string, user: User | undefined, tokens: readonly Token[]) {
  return {
    name,
    groups: user?.groups ?? [...new Set(tokens.flatMap((token) => token.groups))],
    hasPassword: user !== undefined,
    tokens: tokens.map(({ id, created }) => ({ id, created })),
  };
}

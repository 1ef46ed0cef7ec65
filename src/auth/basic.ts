import type { Authenticator, Principal } from './authenticator.ts';
import { parseAuthorization, parseBasicCredentials, unauthenticated } from './authorization.ts';
import { createGate } from './gate.ts';
import { NOBODYS_HASH, verifyPassword } from './password-hash.ts';
import { parseUsers } from './users-file.ts';
import type { User } from './users-file.ts';
import { createVerifiedCredentials } from './verified-credentials.ts';
import { createWatchedFile } from './watched-file.ts';

export interface BasicOptions {
  readonly usersFile: string;
  /** How long a password that was right is not hashed again. Milliseconds. */
  readonly rememberMs: number;
  /** Told of a users file that can't be used. */
  readonly onProblem: (problem: string) => void;
  /** Milliseconds that never go back. */
  readonly now?: () => number;
}

/**
 * Users of a file, by HTTP Basic. Hashing holds one of Node's few worker threads for 150 ms, so that two run
 * at once, some wait, and the rest is turned away with `busy`; credentials that were right lately are not hashed.
 */
export function createBasicAuthenticator(options: BasicOptions): Authenticator {
  const { usersFile, rememberMs, onProblem, now = () => performance.now() } = options;
  const users = createWatchedFile({
    file: usersFile,
    parse: parseUsers,
    missing: new Map<string, User>(),
    onProblem,
  });
  const verified = createVerifiedCredentials({ rememberMs, most: 1024, now });
  const gate = createGate({ running: 2, waiting: 64 });
  const underWay = new Map<string, Promise<boolean>>();

  return {
    challenges: ['Basic realm="bulkhead", charset="UTF-8"'],
    async authenticate(header) {
      const authorization = parseAuthorization(header);
      const credentials =
        authorization?.scheme === 'basic' ? parseBasicCredentials(authorization.credentials) : undefined;
      if (credentials === undefined) throw unauthenticated();
      const { name, password } = credentials;
      const user = (await users.current()).get(name);
      if (user !== undefined && verified.has(name, password, user.password)) return principalOf(user);
      // An unknown name costs what a wrong password does, so that the time doesn't tell who is a user.
      const isRight = await verifyOnce(name, password, user?.password ?? NOBODYS_HASH);
      if (!isRight || user === undefined) throw unauthenticated();
      verified.add(name, password, user.password);
      return principalOf(user);
    },
  };

  /** A client that opens many connections at once is hashed for once. */
  function verifyOnce(name: string, password: string, hash: string): Promise<boolean> {
    const same = JSON.stringify([name, password, hash]);
    const known = underWay.get(same);
    if (known !== undefined) return known;
    const verification = gate.run(() => verifyPassword(password, hash)).finally(() => underWay.delete(same));
    underWay.set(same, verification);
    return verification;
  }
}

function principalOf(user: User): Principal {
  return { subject: user.name, groups: user.groups, method: 'basic' };
}

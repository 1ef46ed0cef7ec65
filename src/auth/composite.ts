import type { Authenticator } from './authenticator.ts';
import { parseAuthorization, unauthenticated } from './authorization.ts';

/** Several ways in: each request goes to the authenticator of its scheme, and to no other. */
export function createCompositeAuthenticator(
  bySchemes: Readonly<Record<string, Authenticator>>,
): Authenticator {
  const authenticators = new Map(Object.entries(bySchemes));
  return {
    challenges: [...authenticators.values()].flatMap((authenticator) => authenticator.challenges),
    async authenticate(header) {
      const authenticator = authenticators.get(parseAuthorization(header)?.scheme ?? '');
      if (authenticator === undefined) throw unauthenticated();
      return await authenticator.authenticate(header);
    },
  };
}

import type { Authenticator } from './authenticator.ts';
import { parseAuthorization, unauthenticated } from './authorization.ts';
import { hashToken, parseTokens } from './tokens-file.ts';
import type { Token } from './tokens-file.ts';
import { createWatchedFile } from './watched-file.ts';

export interface BearerOptions {
  readonly tokensFile: string;
  /** Told of a tokens file that can't be used. */
  readonly onProblem: (problem: string) => void;
}

/**
 * Static tokens (RFC 6750). They are looked up by hash: how long that takes tells something about the hash of
 * what was sent, which is of no use to whoever sent it.
 */
export function createBearerAuthenticator({ tokensFile, onProblem }: BearerOptions): Authenticator {
  const tokens = createWatchedFile({
    file: tokensFile,
    parse: parseTokens,
    missing: new Map<string, Token>(),
    onProblem,
  });
  return {
    challenges: ['Bearer realm="bulkhead"'],
    async authenticate(header) {
      const authorization = parseAuthorization(header);
      if (authorization?.scheme !== 'bearer') throw unauthenticated();
      const token = (await tokens.current()).get(hashToken(authorization.credentials));
      if (token === undefined) throw unauthenticated();
      return { subject: token.subject, groups: token.groups, method: 'bearer' };
    },
  };
}

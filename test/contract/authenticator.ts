import { describe, expect, test } from 'vitest';
import type { Authenticator, Principal } from '../../src/auth/authenticator.ts';
import { isBulkheadError } from '../../src/errors.ts';

export interface AuthenticatorUnderTest {
  readonly create: () => Promise<Authenticator>;
  /** Headers that it must accept, with the principal that they belong to. */
  readonly accepted: () => Promise<readonly { header: string; principal: Principal }[]>;
  /** Whether somebody without credentials is let in: then no header is ever refused. */
  readonly letsEverybodyIn: boolean;
}

/** What the HTTP room relies on, whichever way in a site chose. */
export function describeAuthenticator(name: string, subject: AuthenticatorUnderTest): void {
  describe(`the contract of an authenticator, kept by ${name}`, () => {
    test('whoever is known gets a principal, each time the same', async () => {
      const authenticator = await subject.create();
      for (const { header, principal } of await subject.accepted()) {
        expect(await authenticator.authenticate(header)).toEqual(principal);
        expect(await authenticator.authenticate(header)).toEqual(principal);
      }
    });

    test('the name of the scheme may be written in any case', async () => {
      const authenticator = await subject.create();
      for (const { header, principal } of await subject.accepted()) {
        const [scheme = '', credentials = ''] = header.split(' ');
        expect(await authenticator.authenticate(`${scheme.toUpperCase()} ${credentials}`)).toEqual(principal);
      }
    });

    test.each(STRANGERS)('a stranger (%s) is refused, or let in as everybody is', async (_, header) => {
      const authenticator = await subject.create();
      if (subject.letsEverybodyIn) {
        expect(await authenticator.authenticate(header)).toEqual(await authenticator.authenticate(undefined));
        return;
      }
      const error: unknown = await authenticator.authenticate(header).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(isBulkheadError(error) && error.code).toBe('unauthenticated');
    });

    test('every refusal reads the same, so that it tells nothing about who exists', async () => {
      if (subject.letsEverybodyIn) return;
      const authenticator = await subject.create();
      const messages = new Set<string>();
      for (const [, header] of STRANGERS) {
        await authenticator.authenticate(header).catch((error: unknown) => {
          messages.add(error instanceof Error ? error.message : '');
        });
      }
      expect(messages.size).toBe(1);
    });

    test('a refusal can say how to sign in, where that helps', async () => {
      const { challenges } = await subject.create();
      if (subject.letsEverybodyIn) expect(challenges).toEqual([]);
      else expect(challenges.length).toBeGreaterThan(0);
    });
  });
}

/** The header of Basic credentials. */
export function basicHeader(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

const STRANGERS: readonly (readonly [string, string | undefined])[] = [
  ['no header', undefined],
  ['an empty header', ''],
  ['a scheme alone', 'Basic'],
  ["empty Basic credentials, as funnel's client sends", basicHeader('', '')],
  ['a wrong password', basicHeader('ada', 'wrong password')],
  ['an unknown user', basicHeader('nobody', 'correct horse')],
  ['a user whose name is a property of objects', basicHeader('__proto__', 'x')],
  ['Basic without a colon', `Basic ${Buffer.from('ada').toString('base64')}`],
  ['Basic that is not UTF-8', `Basic ${Buffer.from([0xff, 0x3a, 0xff]).toString('base64')}`],
  ['Basic that is not base64', 'Basic !!!'],
  ['a wrong token', 'Bearer bulkhead_wrong'],
  ['an empty token', 'Bearer '],
  ['two tokens', 'Bearer a b'],
  ['an unknown scheme', 'Digest username="ada"'],
];

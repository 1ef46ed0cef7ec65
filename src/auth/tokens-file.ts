import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { BulkheadError } from '../errors.ts';
import { demandName, isName } from './names.ts';
import { changePrivateFile, readIfThere } from './private-file.ts';

export interface Token {
  /** Names the token without telling it. */
  readonly id: string;
  readonly subject: string;
  readonly groups: readonly string[];
  /** In hex. A plain hash is enough: 256 random bits can't be guessed. */
  readonly sha256: string;
  /** RFC 3339. */
  readonly created: string;
}

/** By hash. */
export type Tokens = ReadonlyMap<string, Token>;

/** The tokens by hash. Throws `config` for a text that isn't a tokens file, naming the entry at fault. */
export function parseTokens(text: string): Tokens {
  const tokens = new Map<string, Token>();
  for (const [index, entry] of parseDocument(text).entries()) {
    if (!isToken(entry)) {
      throw new BulkheadError(
        'config',
        `tokens[${index}] of the tokens file is not an id, subject, groups and a SHA-256: remove it and run bulkhead user token`,
      );
    }
    tokens.set(entry.sha256, entry);
  }
  return tokens;
}

export async function readTokens(file: string): Promise<Tokens> {
  const text = await readIfThere(file);
  return text === undefined ? new Map() : parseTokens(text);
}

/** Makes a token for a subject. What is returned is told this once: the file holds its hash. */
export async function addToken(
  file: string,
  owner: { readonly subject: string; readonly groups: readonly string[] },
  now: Date,
): Promise<{ id: string; secret: string }> {
  demandName('user', owner.subject);
  for (const group of owner.groups) demandName('group', group);
  const secret = `bulkhead_${randomBytes(32).toString('base64url')}`;
  const token: Token = {
    id: randomUUID().slice(0, 8),
    subject: owner.subject,
    groups: owner.groups,
    sha256: hashToken(secret),
    created: now.toISOString(),
  };
  await changeTokens(file, (tokens) => [...tokens, token]);
  return { id: token.id, secret };
}

/** Removes the tokens of a subject, or the one with the id; returns how many there were. */
export async function removeTokens(file: string, subject: string, id?: string): Promise<number> {
  const isMeant = (token: Token) => token.subject === subject && (id === undefined || token.id === id);
  const count = [...(await readTokens(file)).values()].filter(isMeant).length;
  if (count > 0) await changeTokens(file, (tokens) => tokens.filter((token) => !isMeant(token)));
  return count;
}

export function hashToken(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

async function changeTokens(
  file: string,
  change: (tokens: readonly Token[]) => readonly Token[],
): Promise<void> {
  await changePrivateFile(file, (text) => {
    const tokens = change(text === undefined ? [] : [...parseTokens(text).values()]);
    return `${JSON.stringify({ tokens }, undefined, 2)}\n`;
  });
}

function parseDocument(text: string): readonly unknown[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new BulkheadError(
      'config',
      `The tokens file is not JSON: ${cause instanceof Error ? cause.message : ''}`,
      { cause },
    );
  }
  if (
    typeof document === 'object' &&
    document !== null &&
    'tokens' in document &&
    Array.isArray(document.tokens)
  ) {
    return document.tokens;
  }
  throw new BulkheadError(
    'config',
    'The tokens file has no list named tokens: bulkhead user token writes it',
  );
}

function isToken(entry: unknown): entry is Token {
  if (typeof entry !== 'object' || entry === null) return false;
  if (!('id' in entry && 'subject' in entry && 'groups' in entry && 'sha256' in entry && 'created' in entry))
    return false;
  return (
    isName(entry.id) &&
    isName(entry.subject) &&
    Array.isArray(entry.groups) &&
    entry.groups.every(isName) &&
    typeof entry.sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(entry.sha256) &&
    typeof entry.created === 'string'
  );
}

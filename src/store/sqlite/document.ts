import { createHash } from 'node:crypto';
import type { TesTaskDocument } from '../../tes/task.ts';
import type { ContentBody, IndexedTag } from './messages.ts';

/** A document as it is stored: the `content` of its inputs apart, so that only what shows it reads it. */
export function splitDocument(document: TesTaskDocument): { body: string; contents: ContentBody[] } {
  const contents: ContentBody[] = [];
  if (!document.inputs) return { body: JSON.stringify(document), contents };
  const inputs = document.inputs.map((input, position) => {
    if (input.content === undefined) return input;
    contents.push({ input: position, body: JSON.stringify(input.content) });
    const { content: _content, ...rest } = input;
    return rest;
  });
  return { body: JSON.stringify({ ...document, inputs }), contents };
}

export function joinDocument(body: string, contents: readonly ContentBody[]): TesTaskDocument {
  const document = parseDocument(body);
  for (const content of contents) {
    const input = document.inputs?.[content.input];
    if (input !== undefined) input.content = parseText(content.body);
  }
  return document;
}

/** Of our own making: only `splitDocument` writes what this reads. */
export function parseDocument(body: string): TesTaskDocument {
  return JSON.parse(body);
}

export function parseText(body: string): string {
  return String(JSON.parse(body));
}

/**
 * The tags by which a task is found. SQLite's text is UTF-8, which has no lone surrogates: they become U+FFFD, here
 * and in a query. Two keys that become one are one, the last.
 */
export function indexedTags(document: TesTaskDocument): IndexedTag[] {
  const byKey = new Map<string, string>();
  for (const [key, value] of Object.entries(document.tags ?? {})) {
    byKey.set(key.toWellFormed(), value.toWellFormed());
  }
  return Array.from(byKey, ([key, value]) => ({ key, value }));
}

/** SHA-256, in hex, of a document in canonical form: keys in order, no white space, fields that are undefined left out. */
export function documentSha256(document: TesTaskDocument): string {
  return createHash('sha256').update(canonicalJson(document)).digest('hex');
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isPlainObject(inner) ? Object.fromEntries(Object.entries(inner).sort(inOrderOfKeys)) : inner,
  );
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function inOrderOfKeys([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

import { posix } from 'node:path';

import { BulkheadError } from '../errors.ts';
import { ByteReader } from './byte-reader.ts';
import { formatPax, type PaxRecord, parsePax, paxNumber, paxText } from './pax.ts';
import {
  BLOCK,
  isZeroBlock,
  paddingOf,
  parseHeader,
  tarError,
  type TarHeader,
  withSize,
} from './tar-header.ts';

/** What one image's layers have in common while they pass through the filter, lowest first. */
export interface FilterState {
  /** Ids inside are 0 to this number, exclusive. */
  readonly idCount: number;
  readonly maxBytes: number;
  readonly maxFiles: number;
  bytes: number;
  files: number;
  /** Names of what was left out, which a hard link in a later layer may name. */
  readonly leftOut: Set<string>;
}

const MAX_EXTENSION_BYTES = 1024 * 1024;
/** Types that carry no content whatever their size says, as Go's archive/tar, which umoci uses, has it. */
const WITHOUT_CONTENT = new Set(['1', '2', '3', '4', '5', '6']);
const KNOWN = new Set(['\0', '0', '7', ...WITHOUT_CONTENT]);

/**
 * Passes a layer's tar through byte for byte, but for what must not reach the disk of the host:
 * - device nodes, which umoci would make for real, mode 0666 (and which a sandbox never gets from its image);
 * - extended attributes other than `user.*`: `trusted.overlay.*` and `user.overlay.*` steer the kernel's overlay,
 *   and `security.*` mean the host's labels and capabilities.
 * Refuses, by name, ids that the map of 65,536 can't hold, sparse files (a few bytes that unpack to terabytes),
 * whatever is malformed or unknown, and images over the limits. It is strict so that umoci can't read an
 * entry where this saw content. Where files land is umoci's business.
 * Throws `image-invalid`.
 */
export async function* filterTar(source: AsyncIterable<Buffer>, state: FilterState): AsyncGenerator<Buffer> {
  const reader = new ByteReader(source);
  for (let entry = await readEntry(reader); entry !== undefined; entry = await readEntry(reader)) {
    const isKept = admit(entry, state);
    if (isKept) yield* entry.blocks;
    for await (const chunk of reader.pass(entry.contentBytes + paddingOf(entry.contentBytes))) {
      if (isKept) yield chunk;
    }
  }
  yield Buffer.alloc(2 * BLOCK);
  await reader.drain();
}

interface Entry {
  readonly type: string;
  readonly name: string;
  readonly linkName: string;
  readonly uid: number;
  readonly gid: number;
  readonly contentBytes: number;
  /** Headers as they go on. */
  readonly blocks: readonly Buffer[];
}

/** The next file with the extension headers before it; undefined at the archive's end. */
async function readEntry(reader: ByteReader): Promise<Entry | undefined> {
  const blocks: Buffer[] = [];
  let records: readonly PaxRecord[] | undefined;
  const long: { name?: string; linkName?: string } = {};
  for (;;) {
    const block = await reader.take(BLOCK);
    if (block === undefined || isZeroBlock(block)) {
      if (blocks.length > 0 || records !== undefined) throw tarError('it ends after an extension header');
      return undefined;
    }
    const header = parseHeader(block);
    if (header.type === 'x') {
      if (records !== undefined) throw tarError('two extended headers stand in a row');
      records = parsePax(await readBody(reader, header));
      const kept = records.filter(isHarmless);
      if (kept.length > 0) blocks.push(...extension(block, formatPax(kept)));
    } else if (header.type === 'g') {
      // Global headers (git archive writes one) apply to nothing in Go's reader, and umoci doesn't know them.
      await readBody(reader, header);
    } else if (header.type === 'L' || header.type === 'K') {
      const body = await readBody(reader, header);
      long[header.type === 'L' ? 'name' : 'linkName'] = body.toString('utf8').replace(/\0.*$/s, '');
      blocks.push(...extension(block, body));
    } else {
      return toEntry(header, records ?? [], long, [...blocks, block]);
    }
  }
}

function toEntry(
  header: TarHeader,
  records: readonly PaxRecord[],
  long: { name?: string; linkName?: string },
  blocks: Buffer[],
): Entry {
  const name = paxText(records, 'path') ?? long.name ?? header.name;
  if (!KNOWN.has(header.type))
    throw tarError(`${JSON.stringify(name)} has the unsupported type ${JSON.stringify(header.type)}`);
  if (records.some((record) => record.key.startsWith('GNU.sparse.')))
    throw tarError(`${JSON.stringify(name)} is a sparse file`);
  const sizeBytes = paxNumber(records, 'size') ?? header.sizeBytes;
  if (header.type === '\0' && name.endsWith('/') && sizeBytes > 0)
    throw tarError(`the directory ${JSON.stringify(name)} has content`);
  return {
    type: header.type,
    name,
    linkName: paxText(records, 'linkpath') ?? long.linkName ?? header.linkName,
    uid: paxNumber(records, 'uid') ?? header.uid,
    gid: paxNumber(records, 'gid') ?? header.gid,
    contentBytes: WITHOUT_CONTENT.has(header.type) ? 0 : sizeBytes,
    blocks,
  };
}

/** False: leave it out. */
function admit(entry: Entry, state: FilterState): boolean {
  const path = inRoot(entry.name);
  const isDevice = entry.type === '3' || entry.type === '4';
  if (isDevice || (entry.type === '1' && state.leftOut.has(inRoot(entry.linkName)))) {
    state.leftOut.add(path);
    return false;
  }
  state.leftOut.delete(path);
  for (const [kind, id] of [
    ['uid', entry.uid],
    ['gid', entry.gid],
  ] as const) {
    if (id >= state.idCount) {
      throw new BulkheadError(
        'image-invalid',
        `The image's file ${JSON.stringify(path)} has ${kind} ${id}; a sandbox has the ids 0 to ${state.idCount - 1} only. Rebuild the image with a smaller id.`,
      );
    }
  }
  state.bytes += entry.contentBytes;
  state.files += 1;
  if (state.bytes > state.maxBytes) throw overLimit(`more than ${state.maxBytes} bytes`);
  if (state.files > state.maxFiles) throw overLimit(`more than ${state.maxFiles} files`);
  return true;
}

function overLimit(what: string): BulkheadError {
  return new BulkheadError(
    'image-invalid',
    `The image unpacks to ${what}, which is this site's limit for an image.`,
  );
}

function isHarmless({ key }: PaxRecord): boolean {
  const attribute = /^(?:SCHILY|LIBARCHIVE)\.xattr\.(?<name>.*)$/s.exec(key)?.groups?.['name'];
  return attribute === undefined || (attribute.startsWith('user.') && !attribute.startsWith('user.overlay.'));
}

function inRoot(name: string): string {
  return posix.join('/', name).replace(/(?<=.)\/$/, '');
}

async function readBody(reader: ByteReader, header: TarHeader): Promise<Buffer> {
  if (header.sizeBytes > MAX_EXTENSION_BYTES)
    throw tarError(`an extension header is over ${MAX_EXTENSION_BYTES} bytes`);
  const body = await reader.take(header.sizeBytes + paddingOf(header.sizeBytes));
  if (body === undefined) throw tarError('it is cut off');
  return body.subarray(0, header.sizeBytes);
}

function extension(block: Buffer, body: Buffer): Buffer[] {
  return [withSize(block, body.length), body, Buffer.alloc(paddingOf(body.length))];
}

import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

import { BulkheadError, isBulkheadError } from '../errors.ts';
import { type BlobFolder, openInside, readAtMost, readBlob } from './blobs.ts';
import type { Digest } from './digest.ts';
import { parseJsonObject } from './json.ts';
import { layoutState } from './layout-state.ts';
import { type Index, type IndexEntry, MAX_DOCUMENT_BYTES, parseManifest } from './manifest.ts';
import { RecentAnswers } from './recent-answers.ts';
import { formatReference, isTag, parseReference, type Reference, repositoryName } from './reference.ts';
import { selectImage } from './selection.ts';
import type { FoundImage, ImageSource } from './source.ts';

/**
 * Images in OCI image layouts on this host; each of `folders` is one, or holds some. An entry of a layout's index
 * answers to its `org.opencontainers.image.ref.name`: a full reference, or a bare tag, in which case the image
 * is called FOLDER:TAG after the layout's folder. They are never written; an answer is kept for as long as the
 * layouts' indexes are the same files. Source: OCI image specification 1.1, image-layout.md.
 */
export function createLayoutSource(folders: readonly string[], now: () => number): LayoutSource {
  const paths = folders.map((path) => resolve(path));
  const answers = new RecentAnswers<FoundImage | undefined>();
  let stateId = '';
  return {
    async find(reference) {
      const name = formatReference(reference);
      // Before the files are read: what changes meanwhile shows as another state at the next call.
      const state = await layoutState(paths, now());
      if (state.id !== stateId) answers.clear();
      stateId = state.id;
      const known = answers.get(name);
      if (known) return known.answer;
      const found = await findIn(paths, name, reference);
      if (state.isSettled && state.id === stateId) answers.set(name, found);
      return found;
    },
    async tagsOf(reference) {
      const tags: string[] = [];
      for (const layout of await layoutsOf(paths)) {
        for (const entry of (await readIndex(layout)).manifests) {
          const name = nameOf(entry, basename(layout.path));
          if (name?.tag !== undefined && repositoryName(name) === repositoryName(reference))
            tags.push(name.tag);
        }
      }
      return [...new Set(tags)].toSorted();
    },
    async fetch(image) {
      if (image.source.kind !== 'layout')
        throw new BulkheadError('internal', `${image.reference} isn't in a layout.`);
      return { path: image.source.path, shape: 'layout' };
    },
  };
}

/** Can also say what it has. */
export interface LayoutSource extends ImageSource {
  /** Of the repository that a reference names; none where there is no such one. */
  tagsOf(reference: Reference): Promise<readonly string[]>;
}

async function findIn(
  folders: readonly string[],
  name: string,
  reference: Reference,
): Promise<FoundImage | undefined> {
  const found: FoundImage[] = [];
  let misfit: BulkheadError | undefined;
  for (const layout of await layoutsOf(folders)) {
    for (const document of await documentsOf(layout, reference)) {
      try {
        const read = (digest: Digest): Promise<Buffer> => readBlob(layout, digest, MAX_DOCUMENT_BYTES);
        found.push({
          ...(await selectImage(name, document, { manifest: read, config: read })),
          source: { kind: 'layout', path: layout.path },
        });
      } catch (error) {
        if (!isBulkheadError(error) || error.code !== 'image-platform') throw error;
        misfit ??= error;
      }
    }
  }
  const [first, ...others] = found;
  const other = others.find(({ digest }) => digest !== first?.digest);
  if (first !== undefined && other !== undefined) throw ambiguous(name, first, other);
  if (first === undefined && misfit !== undefined) throw misfit;
  return first;
}

/** Those folders that are layouts, and the layouts one level below the others; sorted by name. */
async function layoutsOf(folders: readonly string[]): Promise<BlobFolder[]> {
  const layouts: BlobFolder[] = [];
  for (const folder of folders) {
    const inside = (await isLayout(folder))
      ? []
      : (await entriesOf(folder)).toSorted().map((name) => join(folder, name));
    for (const path of [folder, ...inside]) {
      if (await isLayout(path)) layouts.push({ path, shape: 'layout' });
    }
  }
  return layouts;
}

async function isLayout(path: string): Promise<boolean> {
  await using file = await openInside(path, 'oci-layout');
  if (file === undefined) return false;
  const what = join(path, 'oci-layout');
  const { imageLayoutVersion } = parseJsonObject(await readAtMost(file, 4096, what), what);
  if (imageLayoutVersion === '1.0.0') return true;
  throw new BulkheadError(
    'image-invalid',
    `${what} says imageLayoutVersion ${JSON.stringify(imageLayoutVersion)}; only "1.0.0" can be read.`,
  );
}

/** Folders inside a folder; none where it doesn't exist. */
async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const isAbsent = (await stat(folder).catch(() => undefined))?.isDirectory() !== true;
    if (isAbsent) return [];
    throw new BulkheadError(
      'image-invalid',
      `The folder ${folder} of images.layouts can't be read: ${String(error)}.`,
      { cause: error },
    );
  }
}

/** The manifests and indexes of a layout that the reference names, each once. */
async function documentsOf(layout: BlobFolder, reference: Reference): Promise<Buffer[]> {
  const index = await readIndex(layout);
  const digests = new Set<Digest>();
  for (const entry of index.manifests) {
    const name = nameOf(entry, basename(layout.path));
    if (name === undefined || repositoryName(name) !== repositoryName(reference)) continue;
    if (reference.digest === undefined ? name.tag === reference.tag : entry.digest === reference.digest)
      digests.add(entry.digest);
    else if (reference.digest !== undefined) {
      for (const child of await childrenOf(layout, entry))
        if (child.digest === reference.digest) digests.add(child.digest);
    }
  }
  const documents: Buffer[] = [];
  for (const digest of digests) documents.push(await readBlob(layout, digest, MAX_DOCUMENT_BYTES));
  return documents;
}

async function readIndex(layout: BlobFolder): Promise<Index> {
  const what = join(layout.path, 'index.json');
  await using file = await openInside(layout.path, 'index.json');
  if (file === undefined)
    throw new BulkheadError('image-invalid', `The layout ${layout.path} lacks its index.json.`);
  const index = parseManifest(await readAtMost(file, MAX_DOCUMENT_BYTES, what), what);
  if (index.kind !== 'index') throw new BulkheadError('image-invalid', `${what} isn't an image index.`);
  return index;
}

async function childrenOf(layout: BlobFolder, entry: IndexEntry): Promise<readonly IndexEntry[]> {
  if (!/index|manifest\.list/.test(entry.mediaType)) return [];
  const document = parseManifest(
    await readBlob(layout, entry.digest, MAX_DOCUMENT_BYTES),
    `The index ${entry.digest} in ${layout.path}`,
  );
  return document.kind === 'index' ? document.manifests : [];
}

/** Undefined where the entry's name is no reference, so that nobody can ask for it. */
function nameOf(entry: IndexEntry, folder: string): Reference | undefined {
  const { refName } = entry;
  try {
    // Without a name it can only be asked for by digest.
    if (refName === undefined) return parseReference(`${folder}@${entry.digest}`);
    return parseReference(isTag(refName) ? `${folder}:${refName}` : refName);
  } catch (error) {
    if (isBulkheadError(error) && error.code === 'image-reference') return undefined;
    throw error;
  }
}

function ambiguous(name: string, first: FoundImage, other: FoundImage): BulkheadError {
  const shown = [first, other].map(
    ({ digest, source }) => `${digest} in ${source.kind === 'layout' ? source.path : source.host}`,
  );
  return new BulkheadError(
    'image-invalid',
    `The image name ${name} is ambiguous: ${shown.join(' and ')}. Remove one from images.layouts, or ask for it by digest.`,
  );
}

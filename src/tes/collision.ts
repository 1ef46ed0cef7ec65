import type { Faults } from './faults.ts';
import { isBelow, normalPath, placeProblem, shown } from './path.ts';
import type { Draft } from './shape.ts';
import type { TesInput, TesTaskDocument } from './task.ts';

/** Finds inputs and volumes that can't all be in one tree: two of one path, or one below another that is a file. */
export function checkCollisions(draft: Draft<TesTaskDocument>, faults: Faults): void {
  let previous: Place | undefined;
  let file: Place | undefined;
  for (const place of [...inputPlaces(draft), ...volumePlaces(draft)].toSorted(byTree)) {
    if (previous?.path === place.path && !(place.kind === 'volume' && previous.kind !== 'file')) {
      faults.addAt(place.field, `is also the path of ${previous.field}: ${shown(place.path)}`);
    } else if (file !== undefined && isBelow(place.path, file.path)) {
      faults.addAt(place.field, `is below ${shown(file.path)}, which ${file.field} says is a file`);
    } else if (place.kind === 'file') {
      file = place;
    }
    previous = place;
  }
}

interface Place {
  readonly path: string;
  /** Sorts each path right before what is below it; a NUL is in no path. */
  readonly order: string;
  readonly field: string;
  readonly kind: 'file' | 'directory' | 'unsaid' | 'volume';
}

/** Of one path, a volume comes last: it may be named twice, and may hold what a directory input brings. */
function byTree(a: Place, b: Place): number {
  if (a.order !== b.order) return a.order < b.order ? -1 : 1;
  return Number(a.kind === 'volume') - Number(b.kind === 'volume');
}

function inputPlaces(draft: Draft<TesTaskDocument>): Place[] {
  return (draft.inputs ?? []).flatMap((input, at) =>
    input ? placeOf(input.path, `/inputs/${at}/path`, kindOf(input)) : [],
  );
}

function volumePlaces(draft: Draft<TesTaskDocument>): Place[] {
  return (draft.volumes ?? []).flatMap((volume, at) => placeOf(volume, `/volumes/${at}`, 'volume'));
}

function placeOf(written: string | undefined, field: string, kind: Place['kind']): Place[] {
  if (written === undefined || placeProblem(written) !== undefined) return [];
  const path = normalPath(written);
  return [{ path, order: path.replaceAll('/', '\0'), field, kind }];
}

/** A type that was left out may turn out to be a directory when the input is fetched, but for literal content. */
function kindOf(input: Draft<TesInput>): Place['kind'] {
  if (input.type === 'DIRECTORY') return 'directory';
  return input.type === 'FILE' || input.content ? 'file' : 'unsaid';
}

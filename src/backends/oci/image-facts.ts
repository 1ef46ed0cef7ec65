import type { UnpackedImage } from '../../images/images.ts';
import type { OciBackendOptions } from './config.ts';
import { hasFiles, ownerInside } from './image-folders.ts';

/** What was found out about unpacked images; it stays true, as an image's files are never changed and named by digest. */
export interface ImageFacts {
  readonly resolveUser: OciBackendOptions['resolveUser'];
  readonly ownerInside: typeof ownerInside;
  readonly hasFiles: typeof hasFiles;
}

/** More than the images of a busy site; what is asked for again is found out again. */
const REMEMBERED = 1024;

export function rememberImageFacts({ resolveUser }: Pick<OciBackendOptions, 'resolveUser'>): ImageFacts {
  return {
    resolveUser: remembered((rootfs: string, user: string) => `${rootfs}\0${user}`, resolveUser),
    ownerInside: remembered(keyOf, ownerInside),
    hasFiles: remembered(keyOf, hasFiles),
  };
}

function keyOf({ rootfs, idBase }: UnpackedImage, path: string): string {
  return `${idBase}\0${rootfs}\0${path}`;
}

/** An answer that failed is asked for again. */
function remembered<Arguments extends unknown[], Answer>(
  key: (...args: Arguments) => string,
  ask: (...args: Arguments) => Promise<Answer>,
): (...args: Arguments) => Promise<Answer> {
  const answers = new Map<string, Promise<Answer>>();
  return async (...args) => {
    const name = key(...args);
    const known = answers.get(name);
    if (known !== undefined) return await known;
    const answer = ask(...args);
    answers.set(name, answer);
    answer.catch(() => answers.delete(name));
    const [oldest] = answers.keys();
    if (answers.size > REMEMBERED && oldest !== undefined) answers.delete(oldest);
    return await answer;
  };
}

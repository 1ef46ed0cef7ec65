import type { ImageFolder, ImageUser, UnpackedImages } from '../../warden/unpacked-images.ts';

/** What was found out about unpacked images; it stays true, as an image's files are never changed and named by digest. */
export interface ImageFacts {
  user(digest: string, user: string): Promise<ImageUser>;
  folder(digest: string, path: string): Promise<ImageFolder>;
}

/** More than the images of a busy site; what is asked for again is found out again. */
const REMEMBERED = 1024;

export function rememberImageFacts(unpacked: UnpackedImages): ImageFacts {
  return {
    user: remembered(async (digest, user) => unpacked.imageUser({ digest, user })),
    folder: remembered(async (digest, path) => {
      const [found] = await unpacked.imageFolders({ digest, paths: [path] });
      return found ?? { owner: null, isEmpty: true, leadsTo: 'nothing' };
    }),
  };
}

/** An answer that failed is asked for again. */
function remembered<Answer>(
  ask: (digest: string, what: string) => Promise<Answer>,
): (digest: string, what: string) => Promise<Answer> {
  const answers = new Map<string, Promise<Answer>>();
  return async (digest, what) => {
    const name = `${digest}\0${what}`;
    const known = answers.get(name);
    if (known !== undefined) return await known;
    const answer = ask(digest, what);
    answers.set(name, answer);
    answer.catch(() => answers.delete(name));
    const [oldest] = answers.keys();
    if (answers.size > REMEMBERED && oldest !== undefined) answers.delete(oldest);
    return await answer;
  };
}

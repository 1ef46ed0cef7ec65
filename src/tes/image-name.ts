import { shown } from './path.ts';

const MAX_LENGTH = 512;
const HOST = String.raw`(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?`;
const PART = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`;
const NAME = new RegExp(`^(?:${HOST}/)?${PART}(?:/${PART})*$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const ALLOWED = /^[A-Za-z0-9._:/@[\]-]*$/;

/**
 * Why a text can name no image, or undefined where it can. Nothing is looked up, and no default filled in: that is
 * for `images`. What passes here is never an option of a command, and holds nothing that a shell or a template reads.
 * Source: the grammar of `distribution/reference`.
 */
export function imageProblem(image: string): string | undefined {
  if (image === '') return 'is empty; name an image, such as alpine:3.20';
  if (image.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`;
  if (image.startsWith('-')) return `begins with "-", as an option does: ${shown(image)}`;
  if (!ALLOWED.test(image)) {
    return `has characters that no image's name has (only letters, digits and . _ - : / @ are): ${shown(image)}`;
  }
  const at = image.indexOf('@');
  if (at !== -1 && !DIGEST.test(image.slice(at + 1)))
    return `must end in @sha256: and 64 hexadecimal digits after the "@": ${shown(image)}`;
  const [name, tag] = splitTag(at === -1 ? image : image.slice(0, at));
  if (tag !== undefined && !TAG.test(tag)) return `has a tag that can't be one: ${shown(image)}`;
  if (!NAME.test(name))
    return `is not [host[:port]/]repository[:tag][@digest], in lower case: ${shown(image)}`;
  return undefined;
}

function splitTag(text: string): readonly [name: string, tag: string | undefined] {
  const colon = text.lastIndexOf(':');
  return colon > text.lastIndexOf('/') ? [text.slice(0, colon), text.slice(colon + 1)] : [text, undefined];
}

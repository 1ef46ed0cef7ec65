/** Where a URL points, in one spelling. */
export interface Location {
  /** Lower case; a bare absolute path is `file`. */
  readonly scheme: string;
  /** Host, with its port where it isn't the scheme's own, or bucket. Lower case. */
  readonly authority: string;
  /** Decoded. */
  readonly parts: readonly string[];
}

/**
 * Reads a URL, or a bare absolute path of a file, so that two spellings of one place compare as equal. Undefined where it
 * could be read in more than one way: with credentials, a `..`, an encoded slash, a backslash, a control character.
 */
export function parseLocation(text: string): Location | undefined {
  if (text.startsWith('/')) return located('file', '', text.split('/').slice(1));
  const [, scheme = '', authority, path = '/'] = URL_FORM.exec(text) ?? [];
  if (authority === undefined) return undefined;
  const parts = path
    .slice(1)
    .split('/')
    .map((part) => decoded(part));
  const known = parts.filter((part) => part !== undefined);
  return known.length === parts.length
    ? located(scheme.toLowerCase(), authority.toLowerCase(), known)
    : undefined;
}

/** Whether a place is the other, or below it. */
export function isBelow(place: Location, folder: Location): boolean {
  return (
    place.scheme === folder.scheme &&
    place.authority === folder.authority &&
    folder.parts.every((part, at) => place.parts[at] === part)
  );
}

/** No `@`, so that no credentials; a query is the last thing, and names no other place. */
const URL_FORM = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#@\s\\]*)(\/[^?#]*)?(?:\?[^#]*)?$/;
const DEFAULT_PORTS: ReadonlyMap<string, string> = new Map([
  ['http', ':80'],
  ['https', ':443'],
  ['ftp', ':21'],
  ['sftp', ':22'],
]);
/** What some reader takes for a slash, a line's end or the end of the text. */
const AMBIGUOUS = /[/\\\p{Cc}]/u;

function located(scheme: string, authority: string, written: readonly string[]): Location | undefined {
  if (written.some((part) => part === '..' || part === '.' || AMBIGUOUS.test(part))) return undefined;
  const isFile = scheme === 'file';
  const ownPort = DEFAULT_PORTS.get(scheme);
  const bare =
    ownPort !== undefined && authority.endsWith(ownPort) ? authority.slice(0, -ownPort.length) : authority;
  if (isFile && bare !== '' && bare !== 'localhost') return undefined;
  // A slash at the end, and in files each that follows another, says nothing.
  const parts = written.filter((part, at) => part !== '' || (!isFile && at < written.length - 1));
  return { scheme, authority: isFile ? '' : bare, parts };
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

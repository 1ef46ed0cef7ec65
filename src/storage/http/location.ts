import { BulkheadError } from '../../errors.ts';
import { printable } from '../../printable.ts';

/** An http(s) URL without the credentials that it was written with. */
export interface HttpLocation {
  readonly url: URL;
  /** The value of an Authorization header, for the URL's own origin alone. */
  readonly authorization?: string;
}

/** Throws `storage-denied` for what is no http(s) URL. */
export function httpLocation(text: string): HttpLocation {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new BulkheadError('storage-denied', `${shownText(text)} is no http:// or https:// URL`);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  url.hash = '';
  if (username === '' && password === '') return { url };
  const credentials = `${decoded(username)}:${decoded(password)}`;
  return { url, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** For messages: a query may hold a signature, which is as good as a password. */
export function shownUrl(url: URL): string {
  return printable(`${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`);
}

function shownText(text: string): string {
  return printable(text.replace(/\/\/[^/]*@/, '//…@').replace(/\?.*$/s, '?…'));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

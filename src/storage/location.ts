/** In lower case; `file` for a bare absolute path; empty where it is no URL. */
export function schemeOf(url: string): string {
  if (url.startsWith('/')) return 'file';
  return /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase() ?? '';
}

/**
 * The URL of something below a URL. The path is a path of files: what has a meaning in a URL is percent-encoded, but
 * for a bare absolute path, in which nothing has. Before a query, which stays.
 */
export function appendPath(url: string, path: string): string {
  if (path === '') return url;
  if (url.startsWith('/')) return join(url, path);
  const end = url.search(/[?#]/);
  const [before, after] = end === -1 ? [url, ''] : [url.slice(0, end), url.slice(end)];
  return join(before, encodePath(path)) + after;
}

function join(folder: string, path: string): string {
  return folder.endsWith('/') ? folder + path : `${folder}/${path}`;
}

function encodePath(path: string): string {
  return encodeURI(path.toWellFormed()).replaceAll('?', '%3F').replaceAll('#', '%23');
}

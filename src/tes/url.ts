import { pathProblem, shown, textProblem } from './path.ts';

/** Every scheme that this project knows of; which of them a site serves is known only when the task runs. */
const KNOWN_SCHEMES = ['file', 'http', 'https', 's3', 'gs', 'ftp', 'sftp'] as const;

const URL_PARTS = /^([A-Za-z][A-Za-z0-9+.-]*):(\/\/([^/?#]*))?([^?#]*)/;

/**
 * Why a text can never be the place of an input or output, whatever the site; undefined where it can. A location
 * that this site doesn't have, or doesn't allow, is no problem here.
 */
export function urlProblem(url: string): string | undefined {
  if (url === '') return 'is empty';
  const text = textProblem(url);
  if (text !== undefined) return text;
  if (url.startsWith('/')) return pathProblem(url);

  const [, written, authority, host = '', path = ''] = URL_PARTS.exec(url) ?? [];
  if (written === undefined) return `must be a URL or an absolute path, not the relative ${shown(url)}`;
  const scheme = written.toLowerCase();
  if (!KNOWN_SCHEMES.some((known) => known === scheme)) {
    return `has the unknown scheme ${shown(written)}; known are ${KNOWN_SCHEMES.join(', ')}`;
  }
  if (authority === undefined) return `must begin with ${scheme}://, not ${shown(url)}`;
  if (hasParentPart(path)) return `must not have a ".." part: ${shown(url)}`;
  return scheme === 'file' ? fileProblem(host, path, url) : hostProblem(host, scheme, url);
}

function fileProblem(host: string, path: string, url: string): string | undefined {
  if (host !== '' && host.toLowerCase() !== 'localhost') {
    return `names the host ${shown(host)}, but a file is on this server: write file:/// and an absolute path, not ${shown(url)}`;
  }
  return pathProblem(path);
}

function hostProblem(authority: string, scheme: string, url: string): string | undefined {
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  if (host === '') return `names no ${scheme === 's3' || scheme === 'gs' ? 'bucket' : 'host'}: ${shown(url)}`;
  if (/[\s\p{Cc}%\\]/u.test(host)) return `has characters in its host that no host has: ${shown(url)}`;
  return undefined;
}

/** Also where it is percent-encoded: a server may decode it before it looks. */
function hasParentPart(path: string): boolean {
  return path.split(/\/|%2f/i).some((part) => part.replaceAll(/%2e/gi, '.') === '..');
}

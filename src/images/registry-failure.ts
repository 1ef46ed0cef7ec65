import { BulkheadError, type ErrorCode } from '../errors.ts';

interface Kind {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly sentence: (image: string, host: string) => string;
}

/** What registries and Go's network library say, the first that fits. */
const KINDS: readonly Kind[] = [
  {
    pattern: /server gave HTTP response to HTTPS client/i,
    code: 'registry',
    sentence: (_, host) =>
      `The registry ${host} doesn't speak TLS. If plain HTTP is meant, set plain_http for it in images.registries`,
  },
  {
    pattern: /x509|certificate|tls: |remote error: tls/i,
    code: 'registry',
    sentence: (_, host) =>
      `The registry ${host} has a certificate that isn't trusted. If it has its own authority, set ca_file for it in images.registries`,
  },
  {
    pattern:
      /unauthorized|authentication required|requested access to the resource is denied|denied:|\b401\b|\b403\b|invalid username\/password/i,
    code: 'registry',
    sentence: (image, host) =>
      `The registry ${host} refuses ${image}: it doesn't exist there, or needs credentials in images.auth_file`,
  },
  {
    pattern: /manifest unknown|name unknown|repository name not known|name invalid|not found|\b404\b/i,
    code: 'image-not-found',
    sentence: (image, host) => `The registry ${host} has no image ${image}; check its name and tag`,
  },
  {
    pattern: /toomanyrequests|too many requests|\b429\b/i,
    code: 'registry',
    sentence: (_, host) =>
      `The registry ${host} limits how often it may be asked; try later, or give it credentials or a mirror`,
  },
  {
    pattern: /connection refused/i,
    code: 'registry',
    sentence: (_, host) => `The registry ${host} can't be reached: it refuses the connection`,
  },
  {
    pattern: /no such host|server misbehaving|name resolution/i,
    code: 'registry',
    sentence: (_, host) => `The registry ${host} can't be reached: its name has no address`,
  },
  {
    pattern: /timeout|deadline exceeded|no route to host|network is unreachable|connection reset|EOF/i,
    code: 'registry',
    sentence: (_, host) => `The registry ${host} can't be reached, or stopped answering`,
  },
  {
    pattern: /no space left on device|disk quota exceeded/i,
    code: 'disk-full',
    sentence: (image) =>
      `The disk of the image store is full, so ${image} can't be fetched; remove images or give it more room`,
  },
];

/** From skopeo's stderr to an error that says which registry said what when it was asked for which image. */
export function registryFailure(image: string, host: string, stderr: string): BulkheadError {
  const said = lastMessage(stderr);
  const kind = KINDS.find(({ pattern }) => pattern.test(said));
  const sentence = kind?.sentence(image, host) ?? `The registry ${host} couldn't deliver ${image}`;
  const asked = sentence.includes(image) ? '' : ` It was asked for ${image}.`;
  return new BulkheadError(
    kind?.code ?? 'registry',
    `${sentence}.${asked} It said: ${said === '' ? 'nothing' : said}`,
  );
}

/** skopeo logs `time="…" level=fatal msg="…"`; the text comes from the registry, so it is shortened and made one line. */
function lastMessage(stderr: string): string {
  const quoted = stderr
    .match(/msg="(?:[^"\\]|\\.)*"/g)
    ?.at(-1)
    ?.slice('msg='.length);
  const text = quoted === undefined ? (stderr.trim().split('\n').at(-1) ?? '') : unquote(quoted);
  const said = text.replace(/^Error parsing image name "[^"]*": /, '');
  return said
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 600);
}

function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted.slice(1, -1);
  }
}

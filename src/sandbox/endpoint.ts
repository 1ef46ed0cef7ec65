/** One place that a sandbox may reach through the egress proxy. */
export interface Endpoint {
  /** A DNS name in lower case, an IP address, `*.example.org` for every name below, or `*`. */
  readonly host: string;
  /** `*`: every port. */
  readonly port: number | '*';
}

/** Every place. */
export const ANYWHERE: Endpoint = { host: '*', port: '*' };

/**
 * Reads `host:port`, such as `ftp.example.org:443`, `*.example.org:443`, `[2001:db8::1]:80` or `*:443`. Undefined where
 * the text is none: a name of other than ASCII letters (an international one must be written in its `xn--` form, so
 * that nothing that merely looks like a name passes for it), a number that could be an address in another spelling,
 * no port.
 */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = ENDPOINT.exec(text);
  if (match === null) return undefined;
  const [, v6, name = '', digits = ''] = match;
  const host = v6 === undefined ? nameOf(name) : addressOf(v6);
  const port = digits === '*' ? '*' : Number(digits);
  if (host === undefined || (port !== '*' && (port < 1 || port > 65_535))) return undefined;
  return { host, port };
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Whether whatever the first allows, the second does too. */
export function isCovered(endpoint: Endpoint, by: Endpoint): boolean {
  return (by.port === '*' || by.port === endpoint.port) && isHostCovered(endpoint.host, by.host);
}

/** What both allow; undefined where that is nothing. */
export function intersection(one: Endpoint, other: Endpoint): Endpoint | undefined {
  const host = isHostCovered(one.host, other.host) ? one.host : other.host;
  const port = other.port === '*' ? one.port : other.port;
  const both = { host, port };
  return isCovered(both, one) && isCovered(both, other) ? both : undefined;
}

/** An address is below no name. */
function isHostCovered(host: string, by: string): boolean {
  return by === '*' || by === host || (by.startsWith('*.') && host.endsWith(by.slice(1)));
}

const ENDPOINT = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.*_-]+)):([1-9]\d{0,4}|\*)$/;
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?';
const NAME = new RegExp(`^(?:\\*\\.)?(?:${LABEL}\\.)*${LABEL}$`);
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.|$)){4}$/;
/** A name whose last label begins with a digit is read as an IPv4 address by many parsers. Source: WHATWG URL, "ends in a number". */
const ENDS_IN_NUMBER = /(?:^|\.)\d[^.]*$/;

function nameOf(text: string): string | undefined {
  const name = text.toLowerCase();
  if (name === '*' || (IPV4.test(name) && !name.endsWith('.'))) return name;
  return name.length <= 253 && NAME.test(name) && !ENDS_IN_NUMBER.test(name) ? name : undefined;
}

/** In the one spelling that URLs have; undefined where it is no IPv6 address. */
function addressOf(text: string): string | undefined {
  return URL.canParse(`http://[${text}]/`) ? new URL(`http://[${text}]/`).hostname.slice(1, -1) : undefined;
}

import { Type } from 'typebox';
import { choice, list, path, section, size, text, whole } from '../vocabulary.ts';

const WEB = { pattern: '^https?://[^\\s]+$' };
const CONTACT = { pattern: '^(https?://|mailto:)[^\\s]+$' };
const MOMENT = { pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+-]\\d{2}:\\d{2})$' };

export const serverSection = section('Where the server listens, and what it says of itself.', {
  host: text(
    'Address to listen on. Beyond loopback only with authentication (`auth.mode`). Put a proxy that speaks TLS in front: Bulkhead speaks plain HTTP.',
    '127.0.0.1',
  ),
  port: whole('TCP port; 0 takes any free one.', 8710, { minimum: 0, maximum: 65_535 }),
  user: text(
    'The user without privilege who serves: `auto` is `bulkhead` where this host has it, else the id just below `backend.id_base`. Layouts, account files and certificates must be readable for it.',
    'auto',
    { pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$' },
  ),
  body_limit: size('Largest request body that is read.', '8MiB', { minimum: 64 * 1024 }),
  cors: section('Which web pages may call the API from a browser.', {
    origins: list(
      'Origins that are allowed, such as `https://portal.example.org`, or `*` for all. Empty: none.',
      text('An origin: scheme, host and port.', undefined, { pattern: '^(\\*|https?://[^/\\s]+)$' }),
    ),
  }),
  service_info: section('What `GET /service-info` answers (GA4GH service-info 1.0.0).', {
    id: text('Identifier of this service, best in reverse domain notation.', 'org.example.bulkhead'),
    name: text('Name of this service, for people.', 'Bulkhead'),
    description: Type.Optional(text('What this service is for.')),
    organization: section('Who runs this service.', {
      name: text('Name of the organization.', 'Unnamed organization'),
      url: text('Its web site.', 'https://example.org', WEB),
    }),
    contact_url: Type.Optional(
      text('Where to get help: a web page or a `mailto:` address.', undefined, CONTACT),
    ),
    documentation_url: Type.Optional(text('Where this service is documented.', undefined, WEB)),
    environment: Type.Optional(text('Such as `prod`, `test`, `dev`.')),
    version: Type.Optional(text("Version of this service; the program's version where it is left out.")),
    created_at: Type.Optional(text('When this service was first deployed, RFC 3339.', undefined, MOMENT)),
    updated_at: Type.Optional(text('When this service was last updated, RFC 3339.', undefined, MOMENT)),
  }),
});

export const logSection = section("The server's own log.", {
  level: choice(
    'The least severe messages that are written.',
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    'info',
  ),
  format: choice(
    '`json`: one object a line; `pretty`: for people; `auto`: pretty on a terminal.',
    ['auto', 'json', 'pretty'],
    'auto',
  ),
  file: Type.Optional(
    path('Written to in place of standard error, mode 0640, and opened anew at SIGHUP, for logrotate(8).'),
  ),
});

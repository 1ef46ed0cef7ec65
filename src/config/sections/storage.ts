import { Type } from 'typebox';
import { choice, duration, flag, list, path, section, size, text } from '../vocabulary.ts';

export const storageSection = section('Which locations tasks may read and write.', {
  file: section('`file://` URLs and bare absolute paths.', {
    roots: list(
      'Folders of this host below which tasks may read. Empty: none. Service-info advertises them.',
      section('One folder.', {
        path: path('The folder. What is below it is visible to every caller.'),
        write: flag('Tasks may also write below it.', false),
        owner: Type.Optional(
          text(
            "Who owns what tasks write, as numbers `uid:gid`; where it is left out, the owner of the destination's nearest existing parent.",
            undefined,
            { pattern: '^[0-9]{1,10}:[0-9]{1,10}$' },
          ),
        ),
      }),
    ),
    copy: choice(
      '`auto`: large inputs, files and folders, appear in the task without a copy where the kernel can do that; `always`: every input is copied.',
      ['auto', 'always'],
      'auto',
    ),
  }),
  http: section('`http://` and `https://` URLs.', {
    allow_private: list(
      'Addresses that may be reached although they are loopback, private or link-local: `host:port`, an address, or a range as CIDR.',
      text('`host:port`, an address or a range.', undefined, {
        pattern: '^[A-Za-z0-9.:\\[\\]-]+(/[0-9]{1,3})?$',
      }),
    ),
    write: list(
      'URLs below which outputs may be sent by PUT. Empty: none, since an output can carry anything away.',
      text(
        'Beginning of a URL, up to a whole part of its path: `https://storage.example.org/results/`.',
        undefined,
        {
          pattern: '^https?://[^\\s?#]+$',
        },
      ),
    ),
    max_bytes: size('Largest file that is fetched.', '1TiB'),
    timeout: duration('A transfer in which nothing arrives for so long has failed.', '60s'),
  }),
  missing_outputs: choice(
    'An output that names a file which the task did not make: `record` it in the system logs, or end the task as SYSTEM_ERROR (`error`).',
    ['record', 'error'],
    'record',
  ),
});

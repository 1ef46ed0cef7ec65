export interface CpioEntry {
  /** Without a leading slash. */
  readonly path: string;
  /** A folder where it is absent. */
  readonly content?: Uint8Array;
}

/** An archive that the kernel takes as initramfs: everything root's, mode 0755. Source: cpio(5), "New ASCII Format". */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const records = [...entries, { path: 'TRAILER!!!', content: new Uint8Array() }];
  return Buffer.concat(records.flatMap(({ path, content }, at) => record(at + 1, path, content)));
}

function record(inode: number, path: string, content: Uint8Array | undefined): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  const mode = content === undefined ? 0o040755 : 0o100755;
  const bytes = content ?? new Uint8Array();
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(
    `070701${fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0')).join('')}`,
  );
  return [header, name, padding(header.length + name.length), Buffer.from(bytes), padding(bytes.length)];
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

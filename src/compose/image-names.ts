import { BulkheadError, isBulkheadError } from '../errors.ts';
import type { FieldFault } from '../errors.ts';
import { parseReference } from '../images/reference.ts';
import type { ImageName } from '../policy/image-pattern.ts';
import type { TesTaskDocument } from '../tes/task.ts';

/** What the image references of a task's executors say, for the rules of the site. Throws `image-reference`, with each that says nothing. */
export function imageNames({ executors }: TesTaskDocument): readonly ImageName[] {
  const names: ImageName[] = [];
  const faults: FieldFault[] = [];
  for (const [index, { image }] of executors.entries()) {
    try {
      names.push(parseReference(image));
    } catch (error) {
      if (!isBulkheadError(error)) throw error;
      faults.push({ field: `/executors/${index}/image`, problem: error.message });
    }
  }
  if (faults.length === 0) return names;
  throw new BulkheadError('image-reference', faults.map(({ problem }) => problem).join(' '), {
    fields: faults,
  });
}

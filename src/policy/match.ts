import { isLike } from './glob.ts';
import { isImageLike } from './image-pattern.ts';
import type { ImageName } from './image-pattern.ts';

/**
 * Which tasks a rule is about. All that is given must hold; of a list, one of it; nothing given is every task. Image,
 * registry and digest are of one executor: each is judged by its own image.
 */
export interface Match {
  /** Names of callers, with `*`. */
  readonly subjects?: readonly string[] | undefined;
  /** Groups of the caller, with `*`. */
  readonly groups?: readonly string[] | undefined;
  /** See `isImageLike`. */
  readonly images?: readonly string[] | undefined;
  /** Hosts of registries, with `*`. */
  readonly registries?: readonly string[] | undefined;
  /** `sha256:…`, which the reference itself must name. */
  readonly digests?: readonly string[] | undefined;
  /** Names of tasks, with `*`: whoever creates a task chooses its name. */
  readonly task_names?: readonly string[] | undefined;
  /** The task has more than this, asked for or by the site's default. */
  readonly above?: Sizes | undefined;
  /** The task has no more than this. */
  readonly up_to?: Sizes | undefined;
}

export interface Sizes {
  readonly cpu_cores?: number | undefined;
  readonly ram_gb?: number | undefined;
  readonly disk_gb?: number | undefined;
}

/** What is known of a task, as one executor has it, when it is matched. */
export interface Candidate {
  readonly subject: string;
  readonly groups: readonly string[];
  readonly image: ImageName;
  readonly taskName: string;
  readonly sizes: Required<Record<keyof Sizes, number>>;
}

export function matches(match: Match, candidate: Candidate): boolean {
  return (
    matchesCaller(match, candidate) && matchesImage(match, candidate.image) && matchesTask(match, candidate)
  );
}

/** The part of it that is about who calls. */
export function matchesCaller(
  { subjects, groups }: Match,
  caller: Pick<Candidate, 'subject' | 'groups'>,
): boolean {
  if (subjects !== undefined && !subjects.some((pattern) => isLike(caller.subject, pattern))) return false;
  return (
    groups === undefined || groups.some((pattern) => caller.groups.some((group) => isLike(group, pattern)))
  );
}

/** Whether it is about anything but who calls. */
export function isAboutTasks({ subjects: _subjects, groups: _groups, ...rest }: Match): boolean {
  return Object.values(rest).some((condition) => condition !== undefined);
}

/** Whether it is about the image of an executor. */
export function isAboutImages({ images, registries, digests }: Match): boolean {
  return images !== undefined || registries !== undefined || digests !== undefined;
}

function matchesImage({ images, registries, digests }: Match, image: ImageName): boolean {
  if (images !== undefined && !images.some((pattern) => isImageLike(image, pattern))) return false;
  if (registries !== undefined && !registries.some((pattern) => isLike(image.host, pattern.toLowerCase())))
    return false;
  return digests === undefined || digests.some((digest) => digest === image.digest);
}

function matchesTask(
  { task_names: names, above, up_to: most }: Match,
  { taskName, sizes }: Candidate,
): boolean {
  if (names !== undefined && !names.some((pattern) => isLike(taskName, pattern))) return false;
  return SIZES.every(
    (size) =>
      (above?.[size] === undefined || sizes[size] > above[size]) &&
      (most?.[size] === undefined || sizes[size] <= most[size]),
  );
}

const SIZES = ['cpu_cores', 'ram_gb', 'disk_gb'] as const;

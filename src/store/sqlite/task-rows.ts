import type { DatabaseSync } from 'node:sqlite';
import type { TesView } from '../../tes/task.ts';
import type { AdmissionRow, AttemptInput, ContentBody, TaskRow, TextBody } from './messages.ts';
import { toState } from './row.ts';

/**
 * What a page carries of documents, attempts and texts, in bytes. A page of 2047 tasks with large logs would be
 * gigabytes; one that is cut short has a next page, as the specification allows.
 */
const PAGE_BYTES = 8 * 2 ** 20;

/** The rows of some tasks, in the order given; fewer where they are larger than a page, but always the first. */
export function prepareTaskRows(
  database: DatabaseSync,
): (sequences: readonly number[], view: TesView) => TaskRow[] {
  const selectTasks = database.prepare(
    `SELECT t.sequence, t.id, t.owner, t.state, t.created_at, a.sandbox, a.warnings
     FROM json_each(?) AS page CROSS JOIN tasks AS t ON t.sequence = page.value JOIN admissions AS a ON a.sequence = t.sequence`,
  );
  const selectDocuments = prepareBySequence(database, 'documents');
  const selectContents = prepareBySequence(database, 'contents');
  const selectAttempts = prepareBySequence(database, 'attempts');
  const selectTexts = prepareBySequence(database, 'attempt_texts');
  const fit = prepareFit(database);

  return (sequences, view) => {
    const page = JSON.stringify(view === 'MINIMAL' ? sequences : fit(sequences, view));
    const documents = view === 'MINIMAL' ? new Map<number, Row[]>() : selectDocuments(page);
    const attempts = view === 'MINIMAL' ? new Map<number, Row[]>() : selectAttempts(page);
    const contents = view === 'FULL' ? selectContents(page) : new Map<number, Row[]>();
    const texts = view === 'FULL' ? selectTexts(page) : new Map<number, Row[]>();
    const admissions = new Map<string, AdmissionRow>();
    return selectTasks.all(page).map((row) => {
      const sequence = Number(row['sequence']);
      const document = documents.get(sequence)?.[0];
      return {
        sequence,
        id: String(row['id']),
        owner: String(row['owner']),
        state: toState(row['state']),
        createdAt: Number(row['created_at']),
        admission: admissionOf(row, admissions),
        ...(document === undefined ? {} : { document: String(document['body']) }),
        contents: contents.get(sequence)?.map(toContent) ?? NONE,
        attempts: toAttempts(attempts.get(sequence) ?? NONE, texts.get(sequence) ?? NONE),
      };
    });
  };
}

type Row = Record<string, unknown>;
/** One for all: what goes between threads costs by the object. */
const NONE: never[] = [];

/** All rows of some tasks in one of the tables that belong to a task, by the task. */
function prepareBySequence(
  database: DatabaseSync,
  table: 'documents' | 'contents' | 'attempts' | 'attempt_texts',
): (page: string) => Map<number, Row[]> {
  const select = database.prepare(
    `SELECT b.* FROM json_each(?) AS page CROSS JOIN ${table} AS b ON b.sequence = page.value`,
  );
  return (page) => {
    const bySequence = new Map<number, Row[]>();
    for (const row of select.all(page)) {
      const sequence = Number(row['sequence']);
      const rows = bySequence.get(sequence);
      if (rows === undefined) bySequence.set(sequence, [row]);
      else rows.push(row);
    }
    return bySequence;
  };
}

/** As many of the first tasks as a page can carry. */
function prepareFit(database: DatabaseSync): (sequences: readonly number[], view: TesView) => number[] {
  const basic = `${sizeOf('documents')} + ${sizeOf('attempts')}`;
  const selectBasic = database.prepare(`SELECT ${basic} AS bytes FROM json_each(?) AS page`);
  const selectFull = database.prepare(
    `SELECT ${basic} + ${sizeOf('contents')} + ${sizeOf('attempt_texts')} AS bytes FROM json_each(?) AS page`,
  );
  return (sequences, view) => {
    const sizes = (view === 'FULL' ? selectFull : selectBasic).all(JSON.stringify(sequences));
    let bytes = 0;
    return sequences.filter((_sequence, position) => {
      bytes += Number(sizes[position]?.['bytes']);
      return position === 0 || bytes <= PAGE_BYTES;
    });
  };
}

/** octet_length() reads no more than a row's header: https://www.sqlite.org/lang_corefunc.html#octet_length */
function sizeOf(table: string): string {
  return `(SELECT coalesce(sum(octet_length(body)), 0) FROM ${table} WHERE sequence = page.value)`;
}

/** Of the rows of one answer, those that are alike share one, but for few that differ by their warnings alone. */
function admissionOf(row: Row, known: Map<string, AdmissionRow>): AdmissionRow {
  const [sandbox, warnings] = [String(row['sandbox']), String(row['warnings'])];
  const alike = known.get(sandbox);
  if (alike?.warnings === warnings) return alike;
  const admission = { sandbox, warnings };
  known.set(sandbox, admission);
  return admission;
}

function toContent(row: Row): ContentBody {
  return { input: Number(row['input']), body: String(row['body']) };
}

function toAttempts(attempts: readonly Row[], texts: readonly Row[]): AttemptInput[] {
  if (attempts.length === 0) return NONE;
  return attempts
    .map(({ number, body }) => ({
      number: Number(number),
      body: String(body),
      texts: texts.filter((text) => text['number'] === number).map(toText),
    }))
    .sort((a, b) => a.number - b.number);
}

function toText(row: Row): TextBody {
  return { part: String(row['part']), body: String(row['body']) };
}

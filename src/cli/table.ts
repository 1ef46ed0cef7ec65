import { printable } from '../printable.ts';

/**
 * Columns as wide as their widest cell, two spaces apart. Cells are made safe for a terminal. With `width`, the
 * last column is cut off there.
 */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  width?: number,
): string {
  const safe = [header, ...rows].map((row) => row.map(printable));
  const widths = header.map((_, column) => Math.max(...safe.map((row) => columnsOf(row[column] ?? ''))));
  return safe.map((row) => `${cut(line(row, widths), width)}\n`).join('');
}

function line(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - columnsOf(cell))))
    .join('  ')
    .trimEnd();
}

function cut(text: string, width: number | undefined): string {
  if (width === undefined || columnsOf(text) <= width) return text;
  const shown = [...SEGMENTER.segment(text)].slice(0, width - 1);
  return `${shown.map(({ segment }) => segment).join('')}…`;
}

function columnsOf(text: string): number {
  return [...SEGMENTER.segment(text)].length;
}

const SEGMENTER = new Intl.Segmenter('en', { granularity: 'grapheme' });

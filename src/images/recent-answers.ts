/** More than the images of a busy site. */
const REMEMBERED = 1024;

/** Answers that stay true, by what was asked; the oldest go first. */
export class RecentAnswers<Answer> {
  readonly #answers = new Map<string, { readonly answer: Answer }>();

  get(question: string): { readonly answer: Answer } | undefined {
    return this.#answers.get(question);
  }

  set(question: string, answer: Answer): void {
    this.#answers.set(question, { answer });
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > REMEMBERED && oldest !== undefined) this.#answers.delete(oldest);
  }

  clear(): void {
    this.#answers.clear();
  }
}

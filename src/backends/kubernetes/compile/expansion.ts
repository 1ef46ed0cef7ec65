/**
 * Text that comes out of Kubernetes as it is. The kubelet replaces `$(NAME)` in commands, arguments and values of variables,
 * and makes one `$` of `$$`: doubled, each stays one, whatever follows. Source: Kubernetes API, `Container.args`.
 */
export function verbatim(text: string): string {
  // A function, since in a replacement text `$$` stands for one.
  return text.replaceAll('$', () => '$$');
}

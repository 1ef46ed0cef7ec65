/**
 * What the kubelet makes of a command, an argument or a variable's value, with no variable defined: after
 * `third_party/forked/golang/expansion` of Kubernetes, which knows `$$`, `$(NAME)` and an unfinished `$(`.
 */
export function expanded(text: string): string {
  let result = '';
  for (let at = 0; at < text.length; at += 1) {
    const next = text[at + 1];
    if (text[at] !== '$' || next === undefined) {
      result += text[at] ?? '';
    } else if (next === '$') {
      result += '$';
      at += 1;
    } else if (next === '(' && text.includes(')', at)) {
      // Undefined: it stays as it is. A defined one would be replaced, which a test must see.
      result += `<${text.slice(at, text.indexOf(')', at) + 1)}>`;
      at = text.indexOf(')', at);
    } else {
      result += `$${next}`;
      at += 1;
    }
  }
  return result;
}

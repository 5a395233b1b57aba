/** One result of a stream of Subunit, version 1: what a test said, with what it attached. */
export interface SubunitResult {
  readonly test: string;
  readonly status: string;
  readonly attachments: ReadonlyMap<string, string>;
}

const statusLine = /^(success|successful|failure|error|skip|xfail|uxsuccess): (.*?)( \[ multipart| \[)?$/;

/** Reads the text of a stream. Attachments come in parts: a type, a name, then chunks, each after its length in hexadecimal, until one of none. */
export function readSubunit(stream: Buffer): SubunitResult[] {
  const results: SubunitResult[] = [];
  let at = 0;
  const line = (): string | null => {
    if (at >= stream.length) return null;
    const end = stream.indexOf(0x0a, at);
    const text = stream.toString('utf8', at, end === -1 ? stream.length : end);
    at = end === -1 ? stream.length : end + 1;
    return text.replace(/\r$/, '');
  };
  const chunks = (): string => {
    const parts: Buffer[] = [];
    for (let header = line(); header !== null; header = line()) {
      const length = Number.parseInt(header, 16);
      if (!(length > 0)) break;
      parts.push(stream.subarray(at, at + length));
      at += length;
    }
    return Buffer.concat(parts).toString('utf8');
  };
  const multipart = (): Map<string, string> => {
    const attachments = new Map<string, string>();
    for (let head = line(); head !== null && head !== ']'; head = line()) {
      if (!head.startsWith('Content-Type:')) continue;
      attachments.set(line() ?? '', chunks());
    }
    return attachments;
  };
  const plain = (): Map<string, string> => {
    const lines: string[] = [];
    for (let next = line(); next !== null && next !== ']'; next = line()) lines.push(next);
    return new Map([['traceback', lines.join('\n')]]);
  };
  for (let next = line(); next !== null; next = line()) {
    const [, status, test, brackets] = statusLine.exec(next) ?? [];
    if (status === undefined || test === undefined) continue;
    const attachments = brackets === undefined ? new Map<string, string>() : brackets === ' [' ? plain() : multipart();
    results.push({ test, status, attachments });
  }
  return results;
}

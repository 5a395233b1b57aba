import type { ComputeHost } from '../compute-host.ts';

/** The most of a console's log that is ever read. */
const maxBytes = 100 * 1024;

/** The last lines of a guest's console; all that is kept when `lines` is null. */
export async function consoleOutput(host: ComputeHost, instanceId: string, lines: number | null): Promise<string> {
  const text = await host.driver.consoleLog(instanceId, maxBytes);
  return lines === null ? text : lastLines(text, lines);
}

/** The last so many lines, without the end of the last; a line that is not ended yet is one too. Clients count them by splitting. */
export function lastLines(text: string, count: number): string {
  if (count === 0) return '';
  const ended = text.endsWith('\n') ? text.slice(0, -1) : text;
  let position = ended.length;
  for (let found = 0; found < count; found++) {
    const before = ended.lastIndexOf('\n', position - 1);
    if (before < 0 || position === 0) return ended;
    position = before;
  }
  return ended.slice(position + 1);
}

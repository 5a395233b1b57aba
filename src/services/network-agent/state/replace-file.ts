import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Puts a file there whole or not at all; one that says the same already is left alone. Answers whether it changed. */
export async function replaceFile(path: string, text: string, mode = 0o644): Promise<boolean> {
  if ((await readFile(path, 'utf8').catch(() => null)) === text) return false;
  await mkdir(dirname(path), { recursive: true });
  const file = await open(`${path}.new`, 'w', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(`${path}.new`, mode);
  await rename(`${path}.new`, path);
  return true;
}

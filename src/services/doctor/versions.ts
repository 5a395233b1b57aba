/** Whether a version of Node meets a range of the one form we use in package.json: `>=26`. */
export function meetsNode(version: string, range: string): boolean {
  const least = /^>=(\d+)$/.exec(range)?.[1];
  return least !== undefined && Number(version.split('.')[0]) >= Number(least);
}

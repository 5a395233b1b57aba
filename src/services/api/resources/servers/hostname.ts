/** The host name of a server that was given none: its name, as far as a host name can hold it. */
export function hostnameFrom(displayName: string, fallback: string): string {
  const clean = [...displayName]
    .filter((character) => character.codePointAt(0)! < 256)
    .join('')
    .slice(0, 63)
    .replaceAll(/[ _.]/g, '-')
    .replaceAll(/[^\w.-]+/g, '')
    .toLowerCase()
    .replaceAll(/^[.-]+|[.-]+$/g, '');
  return clean === '' ? fallback : clean;
}

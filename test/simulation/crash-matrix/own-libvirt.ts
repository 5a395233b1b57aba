/**
 * Runs a command with a libvirt of its own, so that nobody else's is killed: `/run` and libvirt's directories are private to it, and what it
 * starts lives in them. Network and processes are the machine's.
 */
export const inOwnLibvirt = (directory: string, command: readonly string[]): readonly [string, ...string[]] => [
  'unshare',
  '--mount',
  '--propagation',
  'private',
  '--',
  'sh',
  '-c',
  script,
  'own-libvirt',
  directory,
  ...command,
];

const script = `set -e
directory=$1; shift
cp -a /etc/libvirt "$directory/etc"
rm -rf "$directory/etc/qemu/networks/autostart" "$directory"/etc/qemu/*.xml
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock
for place in etc/libvirt:etc var/lib/libvirt:lib var/log/libvirt:log var/cache/libvirt:cache; do
  private="$directory/\${place##*:}"
  mkdir -p "$private"
  chmod 755 "$private"
  mount --bind "$private" "/\${place%%:*}"
done
mkdir -p /var/lib/libvirt/qemu /var/lib/libvirt/images /var/log/libvirt/qemu
exec "$@"`;

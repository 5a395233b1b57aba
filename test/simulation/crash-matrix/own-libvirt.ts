/**
 * Runs a command with a libvirt and a network of its own, so that nobody else's is killed and no port is in the way: `/run`, libvirt's directories and
 * all devices are private to it and to what it starts. Processes are the machine's.
 */
export const inOwnLibvirt = (directory: string, command: readonly string[]): readonly [string, ...string[]] => [
  'unshare',
  '--mount',
  '--net',
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
mkdir -p "$directory/cgroup"
mount --rbind /sys/fs/cgroup "$directory/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$directory/cgroup" /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock
ip link set lo up
for place in etc/libvirt:etc var/lib/libvirt:lib var/log/libvirt:log var/cache/libvirt:cache; do
  private="$directory/\${place##*:}"
  mkdir -p "$private"
  chmod 755 "$private"
  mount --bind "$private" "/\${place%%:*}"
done
mkdir -p /var/lib/libvirt/qemu /var/lib/libvirt/images /var/log/libvirt/qemu
exec "$@"`;

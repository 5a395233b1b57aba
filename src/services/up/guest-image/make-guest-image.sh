#!/bin/sh
# make-guest-image.sh DIRECTORY: makes a small guest out of Debian packages, which are downloaded and unpacked, not installed. Needs neither root nor a
# loop device. The disk boots by BIOS (syslinux) and by UEFI (kernel and RAM disk in one EFI program); kernel and RAM disk are left beside it for
# guests that are started from those.
#
# Prints `progress WHAT` while it works, and at the end one line `image PATH`. The names hold a hash of this recipe and the packages' versions: what
# is there already is not made again. One at a time: the caller holds a lock on DIRECTORY.
set -eu
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
umask 022

recipe=$(dirname "$(readlink -f "$0")")
mkdir -p "$1"
directory=$(readlink -f "$1")

# Whose programs or libraries end up in the guest. Busybox is the static one: it starts faster, which counts on an emulated processor.
roots='busybox-static dropbear-bin e2fsprogs jq qemu-guest-agent'

# What a cloud may plug in. The cloud kernel has no SATA, no e1000 and no graphics.
disk_modules='virtio_pci virtio_blk'
other_disk_modules='virtio_scsi ata_piix sd_mod sr_mod nvme'
modules="$disk_modules $other_disk_modules virtio_net virtio_console virtio_balloon virtio_rng virtio_mem virtiofs 9p 9pnet_virtio
  ext4 isofs vfat nls_cp437 nls_ascii nls_iso8859-1 button evdev qemu_fw_cfg nfit nd_pmem nd_btt af_packet failover net_failover
  vmw_vsock_virtio_transport tpm_crb tpm_tis"

# Quick and quiet on an emulated processor; nobody else shares it, so side channels do not matter. An NMI shows as a panic. On a busy machine emulated
# time stands still for so long that the kernel would take its timer for broken: it is told not to check.
command_line='console=tty0 console=ttyS0,115200 quiet no_timer_check mitigations=off nokaslr audit=0 apparmor=0 tsc=reliable random.trust_cpu=on unknown_nmi_panic'

# program:package
for need in dpkg-deb:dpkg depmod:kmod cpio:cpio objcopy:binutils mkfs.vfat:dosfstools mcopy:mtools syslinux:syslinux mkfs.ext4:e2fsprogs \
  sfdisk:fdisk qemu-img:qemu-utils; do
  if ! command -v "${need%:*}" >/dev/null; then
    echo "${need%:*} is missing: install the Debian package ${need#*:}" >&2
    exit 1
  fi
done

progress() { echo "progress $*"; }

rm -rf "$directory"/unfinished.* # of a run that was killed
work=$(mktemp -d "$directory/unfinished.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 143' INT TERM HUP

# --- Debian packages

# apt with the machine's lists; after `own_lists`, with lists of our own.
apt_options="-o APT::Sandbox::User=$(id -un)"
# shellcheck disable=SC2086 # options are words
apt() {
  tool=$1
  shift
  "apt-$tool" $apt_options "$@"
}

own_lists() {
  progress 'fetching the lists of Debian packages'
  mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial"
  apt_options="$apt_options -o Dir::State::Lists=$work/apt/lists -o Dir::Cache=$work/apt"
  apt get update -qq
}

# `name version` of everything the image is made of. The libraries are those the programs depend on, as far as they are no part of Perl.
find_packages() {
  kernel=$(apt cache depends linux-image-cloud-amd64 2>/dev/null | awk '$1 == "Depends:" && $2 ~ /^linux-image-/ { print $2; exit }')
  [ -n "$kernel" ] || return 1
  # shellcheck disable=SC2086
  libraries=$(apt cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances $roots |
    grep -E '^lib' | grep -v perl)
  # shellcheck disable=SC2086
  apt cache --no-all-versions show "$kernel" $roots $libraries | awk '$1 == "Package:" { name = $2 } $1 == "Version:" { print name, $2 }' |
    sort -u >"$work/packages"
  for name in $kernel $roots; do grep -q "^$name " "$work/packages" || return 1; done
}

name_image() {
  key=$({
    cat "$work/packages"
    cd "$recipe" && find make-guest-image.sh initramfs root -type f -exec sha256sum {} + | sort -k 2
  } | sha256sum | cut -c 1-16)
  image=$directory/guest-$key.qcow2
}

download() {
  progress "downloading $(wc -l <"$work/packages") Debian packages"
  rm -rf "$work/packages.d"
  mkdir -p "$work/packages.d"
  # shellcheck disable=SC2046
  (cd "$work/packages.d" && apt get download -qq $(tr ' ' = <"$work/packages"))
}

# Only the newest is kept.
finish() {
  find "$directory" -mindepth 1 -maxdepth 1 -name 'guest-*' ! -name "guest-$key.*" -delete
  echo "image $image"
  exit 0
}

listed=true
find_packages || listed=false
if $listed; then
  name_image
  [ ! -e "$image" ] || finish
fi
# the machine's lists may be missing, or so old that the mirror has moved on
if ! $listed || ! download; then
  own_lists
  find_packages
  name_image
  [ ! -e "$image" ] || finish
  download
fi

progress 'unpacking'
system=$work/system
for package in "$work"/packages.d/*.deb; do dpkg-deb -x "$package" "$system"; done
version=${kernel#linux-image-}
linux=$(ls "$system"/boot/vmlinuz-*)
# Debian is merging /bin, /sbin and /lib into /usr: here, everything is found in either place
find_in_system() {
  for prefix in '' /usr; do
    if [ -e "$system$prefix$1" ]; then echo "$system$prefix$1" && return; fi
  done
  return 1
}
module_root=$system
[ -d "$system/lib/modules" ] || module_root=$system/usr
depmod -b "$module_root" "$version"
busybox=$(find_in_system /bin/busybox)

# --- the root file system

progress 'assembling the guest'
root=$work/root
cp -R "$recipe/root" "$root"
for folder in bin sbin usr/bin usr/sbin proc sys dev run tmp mnt media root var/lib/kilonova lib64 etc/dropbear "lib/modules/$version"; do
  mkdir -p "$root/$folder"
done
chmod 700 "$root/root"
ln -s /run "$root/var/run"
ln -s /proc/mounts "$root/etc/mtab"
# the one file that is not fit for a repository: everyone's password `kilonova`, for the consoles
printf 'root:%s:19000:0:99999:7:::\n' "$("$busybox" mkpasswd -m sha512 -S kilonovaguest kilonova)" >"$root/etc/shadow"
chmod 600 "$root/etc/shadow"

loader=$(find_in_system /lib64/ld-linux-x86-64.so.2) || loader=$(find_in_system /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2)
library_path=$system/lib/x86_64-linux-gnu:$system/usr/lib/x86_64-linux-gnu
mkdir -p "$root/lib/x86_64-linux-gnu"
cp -L "$loader" "$root/lib64/ld-linux-x86-64.so.2"

# Copies a program and the libraries it is linked against, as the guest's own loader finds them.
install_program() {
  program=$(find_in_system "$1") || program=$(find_in_system "${1#/usr}")
  cp -L "$program" "$root$1"
  "$loader" --library-path "$library_path" --list "$program" | awk '$3 ~ /^\// { print $3 }' | while read -r library; do
    cp -L "$library" "$root/lib/x86_64-linux-gnu/"
  done
}
for program in /usr/sbin/dropbear /usr/bin/dropbearkey /usr/bin/jq /usr/sbin/resize2fs /usr/sbin/qemu-ga; do install_program $program; done

# install_busybox TREE: the program and a name for each of its tools, where no other program has that name
install_busybox() {
  cp "$busybox" "$1/bin/busybox"
  for tool in $("$busybox" --list); do
    case $tool in
      busybox | dpkg | dpkg-deb | rpm | rpm2cpio) continue ;;
      init | getty | modprobe | insmod | rmmod | poweroff | reboot | halt | switch_root | ip | udhcpc | acpid) target=$1/sbin/$tool ;;
      *) target=$1/bin/$tool ;;
    esac
    ln -s /bin/busybox "$target"
  done
}
install_busybox "$root"

# module_files NAME…: files of modules and of what they need, in the order of loading. What is built in or unknown to this kernel has none.
module_files() {
  for module; do
    modprobe -d "$module_root" -S "$version" --show-depends "$module" 2>/dev/null | awk '$1 == "insmod" { print $2 }'
  done | awk '!seen[$0]++'
}
# shellcheck disable=SC2086
module_files $modules | while read -r file; do
  mkdir -p "$root/$(dirname "${file#"$module_root"}")"
  cp "$file" "$root${file#"$module_root"}"
done
cp "$module_root/lib/modules/$version"/modules.order "$module_root/lib/modules/$version"/modules.builtin* "$root/lib/modules/$version/"
depmod -b "$root" "$version"

# --- the first RAM disk: finds the root disk, nothing else

ramdisk=$work/ramdisk
mkdir -p "$ramdisk"
for folder in bin sbin proc sys dev new modules; do mkdir -p "$ramdisk/$folder"; done
cp "$recipe/initramfs/init" "$ramdisk/init"
chmod 755 "$ramdisk/init"
install_busybox "$ramdisk"
# shellcheck disable=SC2086
module_files $disk_modules >"$work/disk"
# shellcheck disable=SC2086
module_files $other_disk_modules | grep -vxFf "$work/disk" >"$work/other"
for kind in disk other; do
  while read -r file; do
    cp "$file" "$ramdisk/modules/"
    echo "/modules/${file##*/}"
  done <"$work/$kind" >"$ramdisk/modules.$kind"
done
(cd "$ramdisk" && find . | sort | cpio --create --format newc --owner 0:0 --quiet | gzip -6) >"$work/ramdisk.img"

# --- the disk: a master boot record, a FAT to boot from, the root file system

progress 'making the disk'
mib() { echo $((($(stat -L -c %s "$1") + 1048575) / 1048576)); }

printf %s "$command_line" >"$work/cmdline"
printf 'ID=kilonova-guest\nPRETTY_NAME="Kilonova test guest"\n' >"$work/os-release"
objcopy \
  --add-section .osrel="$work/os-release" --change-section-vma .osrel=0x20000 \
  --add-section .cmdline="$work/cmdline" --change-section-vma .cmdline=0x30000 \
  --add-section .linux="$linux" --change-section-vma .linux=0x2000000 \
  --add-section .initrd="$work/ramdisk.img" --change-section-vma .initrd=0x4000000 \
  /usr/lib/systemd/boot/efi/linuxx64.efi.stub "$work/BOOTX64.EFI"
cat >"$work/syslinux.cfg" <<END
DEFAULT guest
PROMPT 0
LABEL guest
  LINUX /vmlinuz
  INITRD /ramdisk.img
  APPEND $command_line
END

boot_mib=$(($(mib "$linux") + $(mib "$work/ramdisk.img") + $(mib "$work/BOOTX64.EFI") + 3))
truncate -s "${boot_mib}M" "$work/boot"
mkfs.vfat -F 16 -n BOOT -h 2048 "$work/boot" >/dev/null
mmd -i "$work/boot" ::EFI ::EFI/BOOT
mcopy -i "$work/boot" "$linux" ::vmlinuz
mcopy -i "$work/boot" "$work/ramdisk.img" "$work/syslinux.cfg" ::
mcopy -i "$work/boot" "$work/BOOTX64.EFI" ::EFI/BOOT/
syslinux --install "$work/boot"

root_mib=$(($(du -sm "$root" | cut -f 1) + 24))
truncate -s "${root_mib}M" "$work/rootfs"
# the name is what the RAM disk looks for
mkfs.ext4 -q -L kilonova -b 4096 -J size=4 -m 0 -d "$root" -E root_owner=0:0 "$work/rootfs"
if [ "$(id -u)" -ne 0 ]; then
  # mkfs.ext4 takes over who owns the files, and there only root may be
  (cd "$root" && find . -mindepth 1 -printf 'set_inode_field "/%P" uid 0\nset_inode_field "/%P" gid 0\n') |
    debugfs -w -f - "$work/rootfs" >/dev/null 2>&1
fi

disk=$work/disk.raw
truncate -s "$((1 + boot_mib + root_mib))M" "$disk"
printf 'label: dos\nlabel-id: 0x6b696c6f\nstart=2048, size=%s, type=ef, bootable\nstart=%s, type=83\n' \
  $((boot_mib * 2048)) $((2048 + boot_mib * 2048)) | sfdisk --quiet "$disk"
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$disk" bs=440 count=1 conv=notrunc status=none
dd if="$work/boot" of="$disk" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/rootfs" of="$disk" bs=1M seek=$((1 + boot_mib)) conv=notrunc,sparse status=none

progress 'compressing'
qemu-img convert -c -f raw -O qcow2 "$disk" "$work/guest.qcow2"
cp "$linux" "$directory/guest-$key.vmlinuz"
mv "$work/ramdisk.img" "$directory/guest-$key.initrd"
mv "$work/guest.qcow2" "$image"
finish

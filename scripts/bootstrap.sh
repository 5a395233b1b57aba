#!/bin/sh
# Installs what is missing to run Kilonova: Node's packages, which bring Node itself, and Debian's. Says nothing and takes some milliseconds when
# nothing is. Called by ./kilonova and by `npm test`; any number may run at once.
#
#   bootstrap.sh --for-tests          everything
#   bootstrap.sh --for COMMAND ARG…   what this command of kilonova needs
#
# Ends with 3 when packages are missing and we are not root: then it has printed the line that installs them.
set -eu

here=$(readlink -f "$0")
here=${here%/*}
home=${here%/*}
list=$here/debian-packages.txt
modules=$home/node_modules
umask 022

say() { printf '%s\n' "$*" >&2; }

# --- what is needed

# The sections of debian-packages.txt that a command needs. Who only asks, or brings a database along, needs none but Node's.
sections_for() {
  case ${1:-help} in
    --for-tests) echo node base cloud guest-image tests ;;
    conformance) echo node base conformance ;;
    up)
      for argument; do
        case $argument in
          --help | -h)
            echo node
            return
            ;;
          fake | --driver=fake) # as in `--driver fake`
            echo node base
            return
            ;;
        esac
      done
      echo node base cloud guest-image
      ;;
    compute | image | network-agent | volume) echo node cloud ;;
    *) echo node ;;
  esac
}

# The packages of some sections, each once.
packages_in() {
  awk -v wanted=" $* " '
    /^#/ || NF == 0 { next }
    /^\[.*\]$/ { inside = index(wanted, " " substr($0, 2, length($0) - 2) " "); next }
    inside && !seen[$1]++ { print $1 }' "$list"
}

# --- what is missing

# Node's packages are those of the lock file when we installed them from just this one, or when npm did by hand later than it was changed.
modules_are_current() {
  [ -x "$modules/node/bin/node" ] || return 1
  if cmp -s "$home/package-lock.json" "$modules/.kilonova-installed-lock.json"; then return 0; fi
  [ "$modules/.package-lock.json" -nt "$home/package-lock.json" ]
}

# When neither dpkg's state nor our list has changed since the stamp was made, nothing has gone missing.
packages_are_stamped() {
  [ -e "$stamp" ] && ! [ /var/lib/dpkg/status -nt "$stamp" ] && ! [ "$list" -nt "$stamp" ]
}

missing_packages() {
  # shellcheck disable=SC2086 # names of packages are words
  set -- $(packages_in $sections)
  if ! modules_are_current && ! { command -v npm && command -v node; } >/dev/null; then
    # an npm of Debian's needs Debian's Node; both leave as soon as npm has brought ours
    set -- "$@" nodejs npm ca-certificates
  fi
  dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | awk -v wanted="$*" '
    $1 == "installed" { there[$2] = 1 }
    END { count = split(wanted, names, " "); for (i = 1; i <= count; i++) if (!(names[i] in there)) print names[i] }'
}

# --- putting it right

# Runs a command whose output nobody wants to see unless it fails.
quietly() {
  report=$(mktemp)
  if "$@" >"$report" 2>&1; then
    rm -f "$report"
  else
    status=$?
    say "Failed with status $status: $*"
    tail -n 30 "$report" >&2
    rm -f "$report"
    return 1
  fi
}

# While packages are installed, their services are not to be started, nor a database cluster to be made: Kilonova starts what it needs, when it does.
policy=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/kilonova.conf
ours='Made by Kilonova for the time it installs packages'

allow_services() {
  for file in "$policy" "$no_cluster"; do
    if grep -qs "$ours" "$file"; then rm -f "$file"; fi # else somebody's own, and to be kept
  done
}

forbid_services() {
  allow_services # of a run that was killed
  trap 'allow_services' EXIT
  trap 'exit 130' INT TERM HUP
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\n# %s\nexit 101\n' "$ours" >"$policy"
    chmod 755 "$policy"
  fi
  if [ ! -e "$no_cluster" ]; then
    mkdir -p "${no_cluster%/*}"
    printf "# %s\ncreate_main_cluster = false\n" "$ours" >"$no_cluster"
  fi
}

apt() {
  quietly env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

install_packages() {
  say "Installing $# Debian packages: $*"
  begun=$(date +%s)
  forbid_services
  apt update || say 'The list of packages could not be brought up to date; trying with the one that is there.'
  apt install --no-install-recommends "$@"
  allow_services
  trap - EXIT INT TERM HUP
  say "Installed in $(($(date +%s) - begun)) s."
}

install_modules() {
  # `npm ci` would refuse the lock file where a registry lacks optional binaries of platforms that are not ours
  say 'Installing the Node packages of package-lock.json: npm install'
  begun=$(date +%s)
  (cd "$home" && quietly npm install --no-save --include=dev --no-audit --no-fund --loglevel=error)
  if [ ! -x "$modules/node/bin/node" ]; then
    say "npm install has not brought $modules/node/bin/node: its install scripts must be allowed to run."
    exit 1
  fi
  cp "$home/package-lock.json" "$modules/.kilonova-installed-lock.json"
  say "Installed in $(($(date +%s) - begun)) s."
}

put_right() {
  if ! packages_are_stamped || ! modules_are_current; then
    # shellcheck disable=SC2046
    set -- $(missing_packages)
    if [ $# -gt 0 ]; then
      if [ "$(id -u)" -ne 0 ]; then
        say "$# Debian packages are missing. Install them with:"
        say "  sudo apt-get install --no-install-recommends $*"
        exit 3
      fi
      install_packages "$@"
    fi
  fi
  if ! modules_are_current; then install_modules; fi
  touch "$stamp" 2>/dev/null || true # not ours to write: asked again next time
}

if [ "${1:-}" = --for ]; then shift; fi
sections=$(sections_for "$@")
stamp=$modules/.kilonova-packages-$(printf %s "$sections" | tr ' ' +)

# Where no udev runs, /dev/kvm stays root's alone: QEMU, which has an account of its own, cannot open it, and libvirt then examines QEMU anew at every call.
# It is given to the group kvm, as udev would.
share_kvm() {
  [ "$(id -u)" -eq 0 ] && [ -c /dev/kvm ] && [ "$(stat -c %g%a /dev/kvm)" = 0600 ] && getent group kvm >/dev/null || return 0
  chgrp kvm /dev/kvm && chmod 660 /dev/kvm && say 'Gave /dev/kvm to the group kvm, as udev would.'
}

if modules_are_current && packages_are_stamped; then
  case $sections in *cloud*) share_kvm ;; esac
  exit 0
fi

if ! command -v dpkg-query >/dev/null; then
  # shellcheck disable=SC2086
  say "This is no Debian, so it is up to you to have what these Debian packages hold:" $(packages_in $sections)
  missing_packages() { :; }
fi

# One at a time: on a file of each checkout for its node_modules, and root's also on the machine's for its packages.
exec 9<"$list"
flock 9
if [ "$(id -u)" -eq 0 ]; then
  mkdir -p /run/lock
  exec 8>/run/lock/kilonova-packages
  flock 8
fi
put_right 8>&- 9<&-
case $sections in *cloud*) share_kvm ;; esac

# Says a fact on the console, on a line of its own: once the guest is ready, a login prompt or somebody's input may stand there.
say() {
  [ ! -e /run/ready ] || echo
  echo "KILONOVA $*"
} >/dev/console

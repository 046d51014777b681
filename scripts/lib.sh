# Shell functions that the commands beside this file share; sourced, not run. Works from the root of the tree.
# shellcheck shell=bash

more_packages=()
root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd -- "$root" || exit 1

say() {
  printf '\n== %s\n' "$*"
}

fail() {
  local status=$1
  shift
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit "$status"
}

# What scripts/packages.txt names, and what a command needs beyond that.
packages() {
  sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' scripts/packages.txt
  ((!${#more_packages[@]})) || printf '%s\n' "${more_packages[@]}"
}

has_apt() {
  # shellcheck disable=SC1091
  (. /etc/os-release && [[ " $ID ${ID_LIKE-} " == *" debian "* ]]) 2>/dev/null &&
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null
}

is_installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    fail 2 "cannot install packages: be root, or allow sudo without a password, or first do: apt-get install" \
      "$(packages | paste -sd ' ')"
  fi
}

# install_packages [PACKAGE...]
# Installs what scripts/packages.txt names and the system lacks, and these packages. Where there is no apt it prints the
# list and stops; PRECSIM_NO_INSTALL=1 says that everything is in place.
install_packages() {
  local missing=() package
  more_packages=("$@")
  [[ ${PRECSIM_NO_INSTALL-} != 1 ]] || return 0
  if ! has_apt; then
    printf 'This is not a Debian system. Install what corresponds to these packages of Debian 12:\n\n' >&2
    grep -v '^#' scripts/packages.txt >&2
    ((!$#)) || printf '%s\n' "$@" >&2
    printf '\nThen run again with PRECSIM_NO_INSTALL=1 in the environment.\n' >&2
    exit 2
  fi
  while read -r package; do
    is_installed "$package" || missing+=("$package")
  done < <(packages)
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  as_root apt-get -q -o DPkg::Lock::Timeout=300 update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends \
    "${missing[@]}"
}

# Prints the path of a Python that has what the scripts import: Debian's packages are seen by /usr/bin/python3 alone,
# whatever comes first on PATH.
find_python() {
  local candidate
  while read -r candidate; do
    if [[ -x $candidate ]] && "$candidate" -c 'import h5py, matplotlib, pandas' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done < <(printf '/usr/bin/python3\n' && type -ap python3)
  fail 2 "no python3 has the modules h5py, matplotlib and pandas"
}

# build_preset PRESET [TARGET...]
build_preset() {
  local preset=$1 python
  shift
  python=$(find_python)
  say "configuring build/$preset"
  cmake --preset "$preset" -DPRECSIM_PYTHON="$python"
  say "building build/$preset"
  cmake --build --preset "$preset" ${1:+--target "$@"}
}

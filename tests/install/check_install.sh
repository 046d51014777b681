#!/bin/sh
# check_install.sh BUILD: installs the build into an empty folder, builds the program in consumer/ against that alone,
# and compares what it prints. Compiler and flags are those of the build.
set -eu

build=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "check_install: $*" >&2
  exit 1
}

cached() {
  sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"
}

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log" || fail "$(cat "$work/install.log")"

type=$(cached CMAKE_BUILD_TYPE)
flags=CMAKE_CXX_FLAGS_$(echo "$type" | tr '[:lower:]' '[:upper:]')
cmake -S "$here/consumer" -B "$work/build" -G "$(cached CMAKE_GENERATOR)" \
  -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE="$type" \
  -DCMAKE_CXX_COMPILER="$(cached CMAKE_CXX_COMPILER)" \
  -DCMAKE_CXX_FLAGS="$(cached CMAKE_CXX_FLAGS)" "-D$flags=$(cached "$flags")"
case $(sed -n 's/^precsim_DIR:[A-Z]*=//p' "$work/build/CMakeCache.txt") in
  "$work"/prefix/*) ;;
  *) fail "find_package(precsim) found another precsim than the one just installed" ;;
esac
cmake --build "$work/build"

# E_s = E(1) - 14 + 1 = -13; codes are round(x * 2^13).
cat >"$work/expected" <<'END'
dfp16:headroom=1 exponent -13
1 -> 8192 -> 1
-0.5 -> -4096 -> -0.5
0.1 -> 819 -> 0.0999755859
0.0002 -> 2 -> 0.000244140625
0 -> 0 -> 0
END
"$work/build/consumer" >"$work/printed"
diff -u "$work/expected" "$work/printed" || fail "the consumer printed something else than expected"

"$work/prefix/bin/precsim" --version || fail "the installed program does not run"

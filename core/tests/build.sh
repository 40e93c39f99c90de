#!/bin/sh
# Builds and runs the core's own tests without CMake:  build.sh [test|bench|sanitize] [ARGUMENT...]
# Every kernel file is compiled once per instruction set, as CMakeLists.txt does.
# TARGET=aarch64 builds for that processor with a cross compiler, and runs under qemu's user emulation.
set -eu
core=$(cd "$(dirname "$0")/.." && pwd)
what=${1:-test}
build=${BUILD_DIR:-$core/../build/core-tests}
machine=$(uname -m)
target=${TARGET:-$machine}
if [ "$target" = "$machine" ]; then
  CXX=${CXX:-g++} link="" emulator=""
else
  CXX=${CXX:-$target-linux-gnu-g++} link="-static" emulator="qemu-$target-static" build=$build-$target
fi
case $what in sanitize) build=$build-sanitize; export PELLUCID_MUTATED_PLANS="${PELLUCID_MUTATED_PLANS:-100000}"; extra="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-strict-aliasing" ;;
  *) extra="-O3" ;;
esac
mkdir -p "$build"
flags="-std=c++17 -fPIC -I$core -ffp-contract=off -Wall -Wextra -Wswitch-enum -Wno-psabi -Werror $extra"
case $target in
  x86_64) sets="baseline avx2 avx512" ;;
  aarch64 | arm64) sets="neon" ;;
  *) sets="baseline" ;;
esac
have=""
for isa in $sets; do have="$have -DPELLUCID_HAVE_$(echo "$isa" | tr a-z A-Z)=1"; done
set_flags() {
  case $1 in
    avx2) echo "-mavx2 -mfma" ;;
    avx512) echo "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512" ;;
  esac
}
objects=""
compile() {  # compile SOURCE OBJECT FLAGS...
  source=$1 object=$2; shift 2
  objects="$objects $object"
  [ "$object" -nt "$source" ] && [ -z "$(find "$core" -name '*.h' -newer "$object")" ] && return 0
  $CXX $flags "$@" -c "$source" -o "$object"
}
for isa in $sets; do
  for source in "$core"/kernels/*.cpp "$core"/kernels/*/*.cpp; do
    compile "$source" "$build/$isa-$(basename "$source" .cpp).o" $(set_flags "$isa") -DPELLUCID_ISA="$isa"
  done
done
compile "$core/select.cpp" "$build/select.o" $have
case $what in
  bench)
    compile "$core/tests/bench.cpp" "$build/bench.o"
    $CXX $flags $link $objects -o "$build/bench"
    shift; exec $emulator "$build/bench" "$@" ;;
  *)
    for source in "$core"/*.cpp "$core"/plan/*.cpp "$core"/run/*.cpp "$core"/steps/*.cpp; do
      [ "$source" = "$core/select.cpp" ] || compile "$source" "$build/$(basename "$source" .cpp).o"
    done
    for source in "$core"/tests/test_*.cpp "$core"/tests/plans.cpp; do
      compile "$source" "$build/$(basename "$source" .cpp).o" $have
    done
    $CXX $flags $link -pthread $objects -o "$build/tests"
    [ $# -gt 0 ] && shift; exec $emulator "$build/tests" "$@" ;;
esac

#!/bin/sh
# Builds and runs the core's own tests without CMake:  build.sh [test|bench|sanitize] [ARGUMENT...]
# Every kernel file is compiled once per instruction set, as CMakeLists.txt does.
set -eu
core=$(cd "$(dirname "$0")/.." && pwd)
what=${1:-test}
build=${BUILD_DIR:-$core/../build/core-tests}
case $what in sanitize) build=$build-sanitize; extra="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-strict-aliasing" ;;
  *) extra="-O3" ;;
esac
mkdir -p "$build"
CXX=${CXX:-g++}
flags="-std=c++17 -fPIC -ffp-contract=off -Wall -Wextra -Wno-psabi -Werror $extra"
case $(uname -m) in
  x86_64)
    sets="baseline avx2 avx512"; have="-DPELLUCID_HAVE_AVX2=1 -DPELLUCID_HAVE_AVX512=1" ;;
  aarch64) sets="baseline neon"; have="-DPELLUCID_HAVE_NEON=1" ;;
  *) sets="baseline"; have="" ;;
esac
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
  for source in "$core"/kernels/*.cpp; do
    compile "$source" "$build/$isa-$(basename "$source" .cpp).o" $(set_flags "$isa") -DPELLUCID_ISA="$isa"
  done
done
compile "$core/select.cpp" "$build/select.o" $have
case $what in
  bench)
    compile "$core/tests/bench.cpp" "$build/bench.o"
    $CXX $flags $objects -o "$build/bench"
    shift; exec "$build/bench" "$@" ;;
  *)
    for source in "$core"/*.cpp; do
      [ "$source" = "$core/select.cpp" ] || compile "$source" "$build/$(basename "$source" .cpp).o"
    done
    for source in "$core"/tests/test_*.cpp; do
      compile "$source" "$build/$(basename "$source" .cpp).o" $have
    done
    $CXX $flags -pthread $objects -o "$build/tests"
    [ $# -gt 0 ] && shift; exec "$build/tests" "$@" ;;
esac

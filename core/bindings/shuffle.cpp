// The shuffle of an epoch's rows by one of NumPy's sources of random bits.
#include "shuffle.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>

#include "bindings/bindings.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

// NumPy's numpy/random/bitgen.h, which is not there where NumPy was not when this was built.
struct BitGenerator {
  void* state;
  std::uint64_t (*next_uint64)(void* state);
  std::uint32_t (*next_uint32)(void* state);
  double (*next_double)(void* state);
  std::uint64_t (*next_raw)(void* state);
};

using Rows = nb::ndarray<std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void shuffle(Rows rows, nb::capsule generator) {
  if (rows.shape(0) > std::size_t{1} << 32) throw nb::value_error("at most 2**32 rows can be shuffled");
  const auto* source = static_cast<const BitGenerator*>(generator.data("BitGenerator"));
  nb::gil_scoped_release release;
  pellucid::shuffle(rows.data(), static_cast<std::int64_t>(rows.shape(0)),
                    [=] { return source->next_uint32(source->state); });
}

}  // namespace

void bind_shuffle(nb::module_& module) {
  module.def("shuffle", &shuffle, "rows"_a.noconvert(), "generator"_a,
             "Shuffles rows (N,) int64 in place as RandomState.shuffle does, given its bit generator's capsule.");
}

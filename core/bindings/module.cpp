// pellucid._core: every other file of this folder adds its part with one bind_ call at the end.
#include <memory>
#include <string>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/bindings.h"
#include "philox.h"
#include "philox_normal.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Words = nb::ndarray<nb::numpy, std::uint32_t, nb::ndim<1>>;

// 4 GiB of words: far beyond any data set's row count, and refused before anything is allocated.
constexpr std::uint64_t max_words = std::uint64_t{1} << 30;

Words philox_words(std::uint64_t seed, std::uint32_t purpose, std::uint64_t stream, std::uint64_t count) {
  if (count > max_words) {
    const std::string message = "count is " + std::to_string(count) + ", but at most " + std::to_string(max_words) +
                                " words can be drawn at once; draw them in parts from several streams.";
    throw nb::value_error(message.c_str());
  }
  std::unique_ptr<std::uint32_t[]> words(new std::uint32_t[count]);
  {
    nb::gil_scoped_release release;
    pellucid::philox_fill(words.get(), seed, purpose, stream, 0, count);
  }
  nb::capsule owner(words.get(), [](void* pointer) noexcept { delete[] static_cast<std::uint32_t*>(pointer); });
  return Words(words.release(), {static_cast<std::size_t>(count)}, owner);
}

nb::ndarray<nb::numpy, double, nb::ndim<1>> philox_normal(std::uint64_t seed, std::uint32_t purpose,
                                                          std::uint64_t stream, std::uint64_t count) {
  if (count > max_words) throw nb::value_error("at most 2**30 normal numbers can be drawn at once.");
  std::unique_ptr<double[]> z(new double[count]);
  {
    nb::gil_scoped_release release;
    pellucid::philox_normal(z.get(), seed, purpose, stream, count);
  }
  nb::capsule owner(z.get(), [](void* pointer) noexcept { delete[] static_cast<double*>(pointer); });
  return {z.release(), {static_cast<std::size_t>(count)}, owner};
}

std::vector<std::string> built_instruction_sets() {
  return {
#ifdef PELLUCID_HAVE_BASELINE
      "baseline",
#endif
#ifdef PELLUCID_HAVE_AVX2
      "avx2",
#endif
#ifdef PELLUCID_HAVE_AVX512
      "avx512",
#endif
#ifdef PELLUCID_HAVE_NEON
      "neon",
#endif
  };
}

}  // namespace

NB_MODULE(_core, module) {
  module.doc() = "Pellucid's C++ core.";
  module.def("philox_words", &philox_words, "seed"_a, "purpose"_a, "stream"_a, "count"_a,
             "The first `count` Philox4x32-10 words of (seed, purpose, stream), as uint32 (count,).");
  module.def("philox_normal", &philox_normal, "seed"_a, "purpose"_a, "stream"_a, "count"_a,
             "The first `count` normal numbers of (seed, purpose, stream), as float64 (count,).");
  module.def(
      "philox_block",
      [](pellucid::PhiloxBlock counter, pellucid::PhiloxKey key) { return pellucid::philox_block(counter, key); },
      "counter"_a, "key"_a, "One Philox4x32-10 block, as in the published test vectors.");
  module.def("built_instruction_sets", &built_instruction_sets,
             "The instruction sets that the kernels were compiled for, lowest first.");
  bind_augment(module);
  bind_executor(module);
  bind_quick(module);
  bind_shuffle(module);
}

// Images changed while training, for Python.
#include "augment.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>

#include "bindings/bindings.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace pellucid;

template <class T, int dimensions>
using Array = nb::ndarray<T, nb::ndim<dimensions>, nb::c_contig, nb::device::cpu>;

constexpr long kLongestSide = 1L << 12;

template <class Pixel>
void augment(Array<const Pixel, 4> images, Array<Pixel, 4> out, Array<const std::uint32_t, 1> places,
             Array<const std::uint32_t, 1> samples, Array<const Real<Pixel>, 2> rows,
             Array<const Real<Pixel>, 2> columns, long shift, double rotate, double scale, double elastic, bool flip,
             long cutout, double fill, std::uint64_t seed, std::uint32_t epoch) {
  const auto count = static_cast<long>(out.shape(0));
  const ImageShape shape{static_cast<long>(images.shape(1)), static_cast<long>(images.shape(2)),
                         static_cast<long>(images.shape(3))};
  for (std::size_t i = 1; i < 4; ++i)
    if (out.shape(i) != images.shape(i)) throw nb::value_error("out and images differ in shape");
  if (static_cast<long>(samples.shape(0)) != count) throw nb::value_error("samples and out differ in number");
  if (static_cast<long>(places.shape(0)) != count) throw nb::value_error("places and out differ in number");
  for (long n = 0; n < count; ++n)
    if (places.data()[n] >= images.shape(0)) throw nb::value_error("places names an image beyond the last");
  if (std::max(shape.height, shape.width) > kLongestSide) throw nb::value_error("the images are too large");
  if (static_cast<long>(rows.shape(0)) != shape.height || static_cast<long>(columns.shape(1)) != shape.width ||
      (elastic > 0 && rows.shape(1) < 4))
    throw nb::value_error("the spline does not fit the images");
  const AugmentRule rule{shift, rotate, scale, elastic, flip, cutout, fill};
  const Spline<Real<Pixel>> spline{rows.data(), columns.data(), static_cast<long>(rows.shape(1)),
                                   static_cast<long>(columns.shape(0))};
  nb::gil_scoped_release release;
  augment_images(images.data(), out.data(), places.data(), samples.data(), count, shape, rule, spline, seed, epoch);
}

template <class Pixel>
void bind(nb::module_& module) {
  module.def(
      "augment_images", &augment<Pixel>, "images"_a.noconvert(), "out"_a.noconvert(), "places"_a.noconvert(),
      "samples"_a.noconvert(), "rows"_a.noconvert(), "columns"_a.noconvert(), "shift"_a, "rotate"_a, "scale"_a,
      "elastic"_a, "flip"_a, "cutout"_a, "fill"_a, "seed"_a, "epoch"_a,
      "Writes the images at `places` (N,), changed by the numbers of (seed, epoch, sample), into `out` (N, C, H, W).");
}

}  // namespace

void bind_augment(nb::module_& module) {
  bind<std::uint8_t>(module);
  bind<float>(module);
  bind<double>(module);
}

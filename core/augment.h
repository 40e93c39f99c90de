// Images shifted, rotated, scaled, flipped, bent and cut out at random: what src/pellucid/datasets/augment defines.
//
// Compiled once, for any processor of the kind, in exactly rounded operations without fused ones: the bits are those of
// the NumPy reference on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pellucid {

struct ImageShape {
  long channels, height, width;
};

// The largest changes; each image's own are drawn within them.
struct AugmentRule {
  long shift;      // pixels
  double rotate;   // degrees
  double scale;    // a fraction
  double elastic;  // pixels
  bool flip;
  long cutout;  // pixels
  double fill;
};

// Arithmetic in single precision is enough for bytes.
template <class Pixel>
struct RealOf {
  using type = Pixel;
};
template <>
struct RealOf<std::uint8_t> {
  using type = float;
};
template <class Pixel>
using Real = typename RealOf<Pixel>::type;

// The spline that spreads a lattice of random moves over the pixels: rows (height, lattice_height) and columns
// (lattice_width, width) say how much of each lattice point a pixel takes.
template <class R>
struct Spline {
  const R *rows, *columns;
  long lattice_height, lattice_width;
};

// images (any, channels, height, width), out (count, ...): out[n] is images[places[n]], changed by the numbers of
// (seed, epoch, samples[n]).
// Neither height nor width may be more than 2^12.
template <class Pixel>
void augment_images(const Pixel* images, Pixel* out, const std::uint32_t* places, const std::uint32_t* samples,
                    long count, ImageShape shape, const AugmentRule& rule, Spline<Real<Pixel>> spline,
                    std::uint64_t seed, std::uint32_t epoch);

}  // namespace pellucid

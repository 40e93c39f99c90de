#include "augment.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "philox.h"

namespace pellucid {
namespace {

constexpr std::uint32_t kPurpose = 4;  // philox.AUGMENT
constexpr long kCacheLine = 64;
constexpr long kTaps = 4;  // points of the lattice that a cubic spline takes from

// Where each number of an image stands among the words of its address.
enum Word { shift_y, shift_x, rotate, scale, flip, cutout_y, cutout_x, first_of_lattice = 8 };

double uniform(std::uint32_t word) { return (word + 0.5) / 4294967296.0; }               // in (0, 1)
double symmetric(std::uint32_t word) { return (word + 0.5) / 2147483648.0 - 1.0; }       // in (-1, 1)
long below(std::uint32_t word, long n) { return static_cast<long>(uniform(word) * n); }  // one of 0 .. n-1

// cos x and sin x for |x| <= π by their series: the mathematical library's last bits differ from machine to machine.
struct Turn {
  double cosine = 1.0, sine = 1.0;

  explicit Turn(double x) {
    const double square = x * x;
    for (int k = 14; k > 0; --k) {
      cosine = 1.0 - cosine * square / ((2 * k - 1) * (2 * k));
      sine = 1.0 - sine * square / ((2 * k) * (2 * k + 1));
    }
    sine = sine * x;
  }
};

// The pixel (y, x) of the new image shows the place (yy·y + yx·x + y0, xy·y + xx·x + x0) of the old one.
struct Affine {
  double yy, yx, y0, xy, xx, x0;

  Affine(const PhiloxBlock& a, const PhiloxBlock& b, const AugmentRule& rule, ImageShape shape) {
    const double centre_y = (shape.height - 1) / 2.0, centre_x = (shape.width - 1) / 2.0;
    const double to_y = centre_y + double(below(a[shift_y], 2 * rule.shift + 1) - rule.shift);
    const double to_x = centre_x + double(below(a[shift_x], 2 * rule.shift + 1) - rule.shift);
    const Turn turn(rule.rotate * symmetric(a[rotate]) * (3.141592653589793 / 180.0));
    const double factor = 1.0 + rule.scale * symmetric(a[scale]);
    const double mirror = rule.flip && uniform(b[flip - 4]) < 0.5 ? -1.0 : 1.0;
    yy = turn.cosine / factor;
    yx = turn.sine / factor;
    xy = mirror * -turn.sine / factor;
    xx = mirror * turn.cosine / factor;
    y0 = centre_y - yy * to_y - yx * to_x;
    x0 = centre_x - xy * to_y - xx * to_x;
  }
};

// What one image after the other is worked on with.
template <class Pixel>
class Augmenter {
  using R = Real<Pixel>;

 public:
  Augmenter(ImageShape shape, const AugmentRule& rule, Spline<R> spline)
      : shape_(shape),
        rule_(rule),
        spline_(spline),
        stride_(shape.width + 3),
        plane_((shape.height + 3) * stride_),
        padded_(std::size_t(shape.channels * plane_), static_cast<R>(rule.fill)),
        index_(std::size_t(shape.width)),
        part_y_(std::size_t(shape.width)),
        part_x_(std::size_t(shape.width)),
        bend_y_(std::size_t(shape.width), R(0)),
        bend_x_(std::size_t(shape.width), R(0)) {
    if (rule.elastic > 0) make_lattice();
  }

  void augment(const Pixel* image, Pixel* out, std::uint64_t seed, std::uint64_t stream) {
    const PhiloxBlock a = philox_block(seed, kPurpose, stream, 0), b = philox_block(seed, kPurpose, stream, 1);
    const Affine affine(a, b, rule_, shape_);
    pad(image);
    if (rule_.elastic > 0) draw_lattice(seed, stream);
    for (long y = 0; y < shape_.height; ++y) {
      if (rule_.elastic > 0) bend(y);
      find_places(affine, y);
      for (long c = 0; c < shape_.channels; ++c)
        interpolate(padded_.data() + c * plane_, out + (c * shape_.height + y) * shape_.width);
    }
    if (rule_.cutout > 0) cut_out(out, b);
  }

 private:
  // A border of one pixel above and to the left, of two below and to the right, holds the fill.
  void pad(const Pixel* image) {
    for (long c = 0; c < shape_.channels; ++c)
      for (long y = 0; y < shape_.height; ++y) {
        const Pixel* from = image + (c * shape_.height + y) * shape_.width;
        R* to = padded_.data() + c * plane_ + (y + 1) * stride_ + 1;
        for (long x = 0; x < shape_.width; ++x) to[x] = static_cast<R>(from[x]);
      }
  }

  void make_lattice() {
    words_.resize(std::size_t(2 * spline_.lattice_height * spline_.lattice_width));
    wide_.resize(std::size_t(2 * spline_.lattice_height * shape_.width));
    for (long y = 0; y < shape_.height; ++y) {
      const R* shares = spline_.rows + y * spline_.lattice_height;
      long first = 0;
      while (first + kTaps < spline_.lattice_height && shares[first] == R(0)) ++first;
      first_row_.push_back(first);
    }
    for (long j = 0; j < spline_.lattice_width; ++j) {
      const R* shares = spline_.columns + j * shape_.width;
      long first = 0, last = shape_.width;
      while (first < last && shares[first] == R(0)) ++first;
      while (first < last && shares[last - 1] == R(0)) --last;
      first_.push_back(first);
      last_.push_back(last);
    }
  }

  // The lattice's moves, spread over the columns: rows of the lattice, each first downwards, then to the right.
  void draw_lattice(std::uint64_t seed, std::uint64_t stream) {
    philox_fill(words_.data(), seed, kPurpose, stream, first_of_lattice, words_.size());
    std::fill(wide_.begin(), wide_.end(), R(0));
    const std::uint32_t* word = words_.data();
    for (long row = 0; row < 2 * spline_.lattice_height; ++row) {
      R* __restrict to = wide_.data() + row * shape_.width;
      for (long j = 0; j < spline_.lattice_width; ++j) {
        const R move = static_cast<R>(rule_.elastic * symmetric(*word++));
        const R* shares = spline_.columns + j * shape_.width;
        for (long x = first_[j]; x < last_[j]; ++x) to[x] += shares[x] * move;
      }
    }
  }

  // Row y of the field of moves.
  void bend(long y) {
    const long first = first_row_[y], width = shape_.width;
    const R* share = spline_.rows + y * spline_.lattice_height + first;
    const R* wide = wide_.data() + 2 * first * width;
    add_up(share, wide, bend_y_.data());
    add_up(share, wide + width, bend_x_.data());
  }

  void add_up(const R* share, const R* wide, R* __restrict to) const {
    const long next = 2 * shape_.width;
    for (long x = 0; x < shape_.width; ++x)
      to[x] = share[0] * wide[x] + share[1] * wide[next + x] + share[2] * wide[2 * next + x] +
              share[3] * wide[3 * next + x];
  }

  // For each pixel of row y: the padded pixel up and left of the place it shows, and how far beyond that it lies.
  void find_places(const Affine& affine, long y) {
    const R yx = R(affine.yx), xx = R(affine.xx), row = R(y);
    const R from_y = R(affine.yy) * row + R(affine.y0), from_x = R(affine.xy) * row + R(affine.x0);
    const R bottom = R(shape_.height + 1), right = R(shape_.width + 1);
    const auto stride = static_cast<std::int32_t>(stride_), width = static_cast<std::int32_t>(shape_.width);
    std::int32_t* __restrict index = index_.data();
    R* __restrict part_y = part_y_.data();
    R* __restrict part_x = part_x_.data();
    const R* __restrict bend_y = bend_y_.data(), * __restrict bend_x = bend_x_.data();
    for (std::int32_t x = 0; x < width; ++x) {
      R v = (yx * R(x) + from_y) + bend_y[x] + R(1);
      R u = (xx * R(x) + from_x) + bend_x[x] + R(1);
      v = v < bottom ? v : bottom;
      u = u < right ? u : right;
      v = v > R(0) ? v : R(0);
      u = u > R(0) ? u : R(0);
      const auto i = static_cast<std::int32_t>(v), j = static_cast<std::int32_t>(u);
      part_y[x] = v - R(i);
      part_x[x] = u - R(j);
      index[x] = i * stride + j;
    }
  }

  void interpolate(const R* padded, Pixel* out) const {
    for (long x = 0; x < shape_.width; ++x) {
      const R* upper = padded + index_[x];
      const R* lower = upper + stride_;
      const R above = upper[0] + part_x_[x] * (upper[1] - upper[0]);
      const R beneath = lower[0] + part_x_[x] * (lower[1] - lower[0]);
      const R value = above + part_y_[x] * (beneath - above);
      if constexpr (std::is_same_v<Pixel, R>)
        out[x] = value;
      else
        out[x] = static_cast<Pixel>(static_cast<std::int32_t>(value + R(0.5)));
    }
  }

  void cut_out(Pixel* out, const PhiloxBlock& b) const {
    const long top = below(b[cutout_y - 4], shape_.height) - rule_.cutout / 2;
    const long left = below(b[cutout_x - 4], shape_.width) - rule_.cutout / 2;
    const long bottom = std::min(top + rule_.cutout, shape_.height),
               right = std::min(left + rule_.cutout, shape_.width);
    for (long c = 0; c < shape_.channels; ++c)
      for (long y = std::max(top, 0L); y < bottom; ++y)
        for (long x = std::max(left, 0L); x < right; ++x)
          out[(c * shape_.height + y) * shape_.width + x] = static_cast<Pixel>(rule_.fill);
  }

  const ImageShape shape_;
  const AugmentRule rule_;
  const Spline<R> spline_;
  const long stride_, plane_;
  std::vector<R> padded_;
  std::vector<std::int32_t> index_;
  std::vector<R> part_y_, part_x_, bend_y_, bend_x_;
  std::vector<std::uint32_t> words_;
  std::vector<R> wide_;
  std::vector<long> first_row_;     // of the lattice's rows that a row of pixels takes from
  std::vector<long> first_, last_;  // the pixels that take from a column of the lattice
};

}  // namespace

template <class Pixel>
void augment_images(const Pixel* images, Pixel* out, const std::uint32_t* places, const std::uint32_t* samples,
                    long count, ImageShape shape, const AugmentRule& rule, Spline<Real<Pixel>> spline,
                    std::uint64_t seed, std::uint32_t epoch) {
  Augmenter<Pixel> augmenter(shape, rule, spline);
  const long size = shape.channels * shape.height * shape.width;
  for (long n = 0; n < count; ++n) {
    // The images of a shuffled epoch lie anywhere: the next one is asked for while this one is worked on.
    const auto* next = reinterpret_cast<const char*>(images + places[std::min(n + 1, count - 1)] * size);
    for (long byte = 0; byte < size * long(sizeof(Pixel)); byte += kCacheLine) __builtin_prefetch(next + byte);
    augmenter.augment(images + places[n] * size, out + n * size, seed, std::uint64_t{epoch} << 32 | samples[n]);
  }
}

template void augment_images(const std::uint8_t*, std::uint8_t*, const std::uint32_t*, const std::uint32_t*, long,
                             ImageShape, const AugmentRule&, Spline<float>, std::uint64_t, std::uint32_t);
template void augment_images(const float*, float*, const std::uint32_t*, const std::uint32_t*, long, ImageShape,
                             const AugmentRule&, Spline<float>, std::uint64_t, std::uint32_t);
template void augment_images(const double*, double*, const std::uint32_t*, const std::uint32_t*, long, ImageShape,
                             const AugmentRule&, Spline<double>, std::uint64_t, std::uint32_t);

}  // namespace pellucid

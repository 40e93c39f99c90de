// Convolutions, their two gradients and the packing of filters, against sums written by the definition; equal bits for
// any split of the samples and between instruction sets with fused multiply-add.
#include <algorithm>

#include "tests/check.h"

namespace test {
namespace {

using pellucid::Convolution;
using pellucid::Window;

struct Axis {
  long size, window, stride, dilation, before, after;
  long out() const { return (size + before + after - dilation * (window - 1) - 1) / stride + 1; }
  bool fits() const { return size + before + after > dilation * (window - 1); }
};

Convolution convolution_of(long channels, long filters, long groups, bool planes, const Axis& rows,
                           const Axis& columns) {
  const Window window{channels,         rows.size,      columns.size,  rows.out(),     columns.out(),
                      rows.window,      columns.window, rows.stride,   columns.stride, rows.dilation,
                      columns.dilation, rows.before,    columns.before};
  return {window, filters, groups, planes};
}

std::string text_of(const Convolution& c, long samples) {
  const Window& w = c.window;
  std::string text = c.planes ? " planes" : " positions";
  for (long n : {samples, w.channels, w.height, w.width, w.out_height, w.out_width, w.rows, w.columns, w.row_stride,
                 w.column_stride, w.row_dilation, w.column_dilation, w.top, w.left, c.filters, c.groups})
    text += " " + std::to_string(n);
  return text;
}

long positions(const Convolution& c) { return c.window.height * c.window.width; }
long outputs(const Convolution& c) { return c.window.out_height * c.window.out_width; }
long channels_within(const Convolution& c) { return c.window.channels / c.groups; }
long cells(const Convolution& c) { return channels_within(c) * c.window.rows * c.window.columns; }

// visit(output, position, filter, channel, column of W) for every product that the definition of one sample adds up.
template <class Visit>
void each_product(const Convolution& c, const Visit& visit) {
  const Window& w = c.window;
  for (long o = 0; o < outputs(c); ++o)
    for (long cell = 0; cell < w.rows * w.columns; ++cell) {
      const long row = o / w.out_width * w.row_stride - w.top + cell / w.columns * w.row_dilation;
      const long column = o % w.out_width * w.column_stride - w.left + cell % w.columns * w.column_dilation;
      if (row < 0 || row >= w.height || column < 0 || column >= w.width) continue;
      for (long filter = 0; filter < c.filters; ++filter)
        for (long k = 0; k < channels_within(c); ++k)
          visit(o, row * w.width + column, filter, filter / (c.filters / c.groups) * channels_within(c) + k,
                k * w.rows * w.columns + cell);
    }
}

// A sum and the sum of its terms' sizes, which bounds its rounding.
struct Sum {
  double value = 0, size = 0;
  void add(double term) {
    value += term;
    size += std::fabs(term);
  }
};

template <class T>
struct Problem {
  Convolution c;
  long samples;
  Matrix<T> x, W, bias, dy;
  std::vector<Sum> y, dx, dW;

  Problem(const Convolution& c_, long samples_)
      : c(c_),
        samples(samples_),
        x(c.planes ? samples : samples * positions(c), c.window.channels * (c.planes ? positions(c) : 1)),
        W(c.filters, cells(c)),
        bias(1, c.filters),
        dy(samples * outputs(c), c.filters),
        y(std::size_t(dy.rows * c.filters)),
        dx(std::size_t(samples * positions(c) * c.window.channels)),
        dW(std::size_t(c.filters * cells(c))) {
    for (long r = 0; r < dy.rows; ++r)
      for (long f = 0; f < c.filters; ++f) y[r * c.filters + f].add(bias.at(0, f));
    for (long s = 0; s < samples; ++s)
      each_product(c, [&](long o, long position, long filter, long channel, long k) {
        const double value = x_at(s, position, channel), weight = W.at(filter, k);
        const double slope = dy.at(s * outputs(c) + o, filter);
        y[(s * outputs(c) + o) * c.filters + filter].add(value * weight);
        dx[(s * positions(c) + position) * c.window.channels + channel].add(slope * weight);
        dW[filter * cells(c) + k].add(slope * value);
      });
  }
  double x_at(long s, long position, long channel) const {
    return c.planes ? x.at(s, channel * positions(c) + position) : x.at(s * positions(c) + position, channel);
  }
  long sample_of_x() const { return x.rows / samples * x.ld; }
};

// What the kernels make of a problem; packed filters, sums and scratch have the size that was asked for, and no more.
template <class T>
struct Results {
  Matrix<T> y, dx, dW;

  explicit Results(const Problem<T>& p)
      : y(p.dy.rows, p.c.filters), dx(p.samples * positions(p.c), p.c.window.channels), dW(p.c.filters, cells(p.c)) {
    for (Matrix<T>* m : {&y, &dx, &dW}) m->fill(9);
  }
  bool same_bits(const Results& other) const {
    return y.same_bits(other.y) && dx.same_bits(other.dx) && dW.same_bits(other.dW);
  }
};

template <class T>
Matrix<T> elements(long count, double value) {
  Matrix<T> row(1, count, false);
  check(row.ld == count, "sizes are multiples of 16");
  row.fill(value);
  return row;
}

// All samples, `at_once` of them at a time.
template <class T>
Results<T> run(const pellucid::Kernels<T>& t, const Problem<T>& p, long at_once) {
  const auto sizes = t.convolution_sizes(p.c);
  Matrix<T> packed = elements<T>(sizes.packed, 9), back = elements<T>(sizes.packed_back, 9),
            sums = elements<T>(sizes.packed, 0), scratch = elements<T>(sizes.scratch + 16, 9),
            scratch_back = elements<T>(sizes.scratch_back + 16, 9);
  t.pack_filters(p.c, p.W.data, p.W.ld, packed.data);
  t.pack_filters_back(p.c, p.W.data, p.W.ld, back.data);
  Results<T> found(p);
  for (long first = 0; first < p.samples; first += at_once) {
    const long count = std::min(at_once, p.samples - first);
    const long in = first * positions(p.c) * found.dx.ld, out = first * outputs(p.c) * found.y.ld;
    const T* x = p.x.data + first * p.sample_of_x();
    t.convolve(p.c, count, x, packed.data, p.bias.data, found.y.data + out, scratch.data);
    t.convolve_back(p.c, count, p.dy.data + out, back.data, found.dx.data + in, scratch_back.data);
    t.add_filter_gradient(p.c, count, x, p.dy.data + out, sums.data, scratch.data);
  }
  t.unpack_filter_gradient(p.c, sums.data, found.dW.data, found.dW.ld);
  return found;
}

// The largest error in parts of what rounding may make of a sum of so many terms.
template <class T>
double worst(const Matrix<T>& found, const std::vector<Sum>& expected, long terms) {
  double most = 0;
  for (long r = 0; r < found.rows; ++r)
    for (long j = 0; j < found.width; ++j) {
      const Sum& sum = expected[std::size_t(r * found.width + j)];
      const double error = std::fabs(double(found.at(r, j)) - sum.value);
      most = std::fmax(most, error / (unit<T>() * sum.size * double(terms + 4) + 1e-300));
      if (std::isnan(error)) return error;
    }
  return most;
}

template <class T>
bool pads_are(const Matrix<T>& m, T value) {
  for (long r = 0; r < m.rows; ++r)
    for (long j = m.width; j < m.ld; ++j)
      if (m.at(r, j) != value) return false;
  return true;
}

template <class T>
void check_convolution(const Convolution& c, long samples) {
  const Problem<T> p(c, samples);
  const std::string shape = std::string(type_name<T>()) + text_of(c, samples);
  std::vector<Results<T>> fused;
  fused.reserve(tables().size());
  for (const auto& table : tables()) {
    const std::string name = shape + " " + table.isa;
    const Results<T> found = run(kernels_of<T>(table), p, samples);
    check(worst(found.y, p.y, cells(c)) < 1, name + ": convolve");
    check(worst(found.dx, p.dx, c.window.rows * c.window.columns * c.filters) < 1, name + ": convolve_back");
    check(worst(found.dW, p.dW, samples * outputs(c)) < 1, name + ": add_filter_gradient");
    check(found.y.pads_zero() && found.dx.pads_zero(), name + ": convolution pads");
    check(pads_are(found.dW, T(9)), name + ": pads of dW stay");
    check(found.same_bits(run(kernels_of<T>(table), p, 1)), name + ": convolution, samples apart");
    if (std::strcmp(table.isa, "baseline") == 0) continue;
    fused.push_back(found);
    check(found.same_bits(fused.front()), name + ": convolution, bits of the other set");
  }
}

void both_types(const Convolution& c, long samples) {
  check_convolution<float>(c, samples);
  check_convolution<double>(c, samples);
}

long drawn(long first, long last) { return std::uniform_int_distribution<long>(first, last)(generator()); }

Axis drawn_axis() {
  for (;;) {
    const Axis axis{drawn(1, 9), drawn(1, 5), drawn(1, 3), drawn(1, 2), drawn(0, 3), drawn(0, 3)};
    if (axis.fits()) return axis;
  }
}

void drawn_convolutions(int count) {
  const long channels[] = {1, 3, 5, 15, 16, 17, 30, 32, 33}, filters[] = {1, 6, 16, 17, 30, 48, 64};
  for (int i = 0; i < count; ++i) {
    const long in = channels[drawn(0, 8)], out = filters[drawn(0, 6)];
    long groups = drawn(0, 2) == 0 ? drawn(2, 17) : 1;
    if (in % groups != 0 || out % groups != 0) groups = 1;
    both_types(convolution_of(in, out, groups, drawn(0, 1) == 1, drawn_axis(), drawn_axis()), drawn(1, 3));
  }
}

}  // namespace

void test_convolution() {
  // size, window, stride, dilation, padding before and after
  const Axis axes[][2] = {
      {{5, 1, 1, 1, 0, 0}, {6, 1, 1, 1, 0, 0}},    // one cell everywhere: the image as one row
      {{5, 1, 2, 1, 0, 0}, {6, 1, 3, 1, 0, 0}},    // one cell here and there
      {{1, 1, 1, 1, 0, 0}, {1, 1, 1, 1, 0, 0}},    // a single position
      {{4, 4, 1, 1, 0, 0}, {5, 5, 1, 1, 0, 0}},    // the whole image
      {{28, 5, 1, 1, 0, 0}, {28, 5, 1, 1, 0, 0}},  // of the books
      {{7, 3, 1, 1, 1, 1}, {9, 3, 1, 1, 1, 1}},    // of the same size
      {{7, 3, 2, 1, 1, 1}, {8, 3, 2, 1, 0, 1}},    // every other position
      {{8, 2, 3, 1, 0, 0}, {9, 1, 2, 1, 0, 0}},    // positions that no window covers
      {{7, 3, 1, 2, 2, 2}, {6, 2, 1, 2, 0, 1}},    // dilation
      {{4, 2, 1, 1, 3, 3}, {5, 1, 1, 1, 3, 2}},    // more padding than the window reaches: dy is cut on the way back
      {{3, 1, 2, 1, 3, 3}, {4, 2, 3, 1, 3, 3}},    // likewise, with gaps
      {{2, 5, 1, 1, 3, 3}, {1, 5, 1, 1, 3, 3}},    // windows larger than the image
      {{2, 2, 3, 2, 3, 3}, {3, 3, 3, 1, 3, 3}},    // windows that lie outside
      {{1, 1, 1, 1, 0, 0}, {40, 4, 1, 1, 0, 0}},   // more than one tile across
      {{3, 1, 1, 1, 0, 0}, {33, 7, 1, 1, 3, 3}}    // runs longer than a tile of the filters' gradient
  };
  for (const auto& [rows, columns] : axes)
    for (const long channels : {1, 3, 16, 17})
      for (const bool planes : {true, false}) {
        both_types(convolution_of(channels, 6 + channels, 1, planes, rows, columns), 2);
        both_types(convolution_of(2 * channels, 6 * channels, 2, planes, rows, columns), 1);
      }
  drawn_convolutions(200);
}

}  // namespace test

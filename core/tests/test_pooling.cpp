// Pools and their ways back against one loop per element; equal bits between instruction sets and for any split of the
// samples.
#include <limits>

#include "tests/check.h"

namespace test {
namespace {

using pellucid::Window;

struct Axis {
  long size, window, stride, dilation, before, after;
  long out() const { return (size + before + after - dilation * (window - 1) - 1) / stride + 1; }
};

Window window_of(long channels, const Axis& rows, const Axis& columns) {
  return {channels,    rows.size,      columns.size,  rows.out(),       columns.out(), rows.window,   columns.window,
          rows.stride, columns.stride, rows.dilation, columns.dilation, rows.before,   columns.before};
}

std::string text_of(const Window& w, long samples) {
  std::string text;
  for (long n : {samples, w.channels, w.height, w.width, w.out_height, w.out_width, w.rows, w.columns, w.row_stride,
                 w.column_stride, w.row_dilation, w.column_dilation, w.top, w.left})
    text += " " + std::to_string(n);
  return text;
}

long positions(const Window& w) { return w.height * w.width; }
long outputs(const Window& w) { return w.out_height * w.out_width; }

// The position in the image that cell (i, j) of output o's window covers, or -1 outside.
long covered(const Window& w, long o, long i, long j) {
  const long row = o / w.out_width * w.row_stride - w.top + i * w.row_dilation;
  const long column = o % w.out_width * w.column_stride - w.left + j * w.column_dilation;
  const bool inside = row >= 0 && row < w.height && column >= 0 && column < w.width;
  return inside ? row * w.width + column : -1;
}

// visit(output, cell's number, position, cells of the window that are inside), in the order of outputs, rows, columns.
template <class Visit>
void each_cell(const Window& w, const Visit& visit) {
  for (long o = 0; o < outputs(w); ++o) {
    long inside = 0;
    for (long n = 0; n < w.rows * w.columns; ++n) inside += covered(w, o, n / w.columns, n % w.columns) >= 0;
    for (long n = 0; n < w.rows * w.columns; ++n) {
      const long position = covered(w, o, n / w.columns, n % w.columns);
      if (position >= 0) visit(o, n, position, inside);
    }
  }
}

template <class T>
struct Pools {
  Matrix<T> largest, average, from_largest, from_average;
  std::vector<std::uint8_t> places;
  Pools(const Window& w, long samples, double fill)
      : largest(samples * outputs(w), w.channels, false),
        average(largest),
        from_largest(samples * positions(w), w.channels, false),
        from_average(from_largest),
        places(std::size_t(largest.rows * largest.ld)) {
    for (Matrix<T>* m : {&largest, &average, &from_largest, &from_average}) m->fill(fill);
  }
  bool same_bits(const Pools& other) const {
    return largest.same_bits(other.largest) && average.same_bits(other.average) &&
           from_largest.same_bits(other.from_largest) && from_average.same_bits(other.from_average) &&
           places == other.places;
  }
  bool pads_zero() const {
    return largest.pads_zero() && average.pads_zero() && from_largest.pads_zero() && from_average.pads_zero();
  }
};

template <class T>
Pools<T> expected_pools(const Window& w, long samples, const Matrix<T>& x, const Matrix<T>& dy) {
  Pools<T> y(w, samples, 0);
  for (long s = 0; s < samples; ++s)
    for (long c = 0; c < w.channels; ++c) {
      std::vector<long> winner(outputs(w), -1);  // of each output: the position
      each_cell(w, [&](long o, long n, long position, long inside) {
        const T value = x.at(s * positions(w) + position, c);
        const long row = s * outputs(w) + o;
        T& best = y.largest.at(row, c);
        if (winner[o] < 0 || (!std::isnan(best) && (value > best || std::isnan(value)))) {
          winner[o] = position;
          best = value;
          y.places[std::size_t(row * y.largest.ld + c)] = std::uint8_t(n);
        }
        y.average.at(row, c) += value;
        y.from_average.at(s * positions(w) + position, c) += dy.at(row, c) / T(inside);
        const bool last = n == w.rows * w.columns - 1 || [&] {
          for (long k = n + 1; k < w.rows * w.columns; ++k)
            if (covered(w, o, k / w.columns, k % w.columns) >= 0) return false;
          return true;
        }();
        if (!last) return;
        y.average.at(row, c) /= T(inside);
        y.from_largest.at(s * positions(w) + winner[o], c) += dy.at(row, c);
      });
    }
  return y;
}

// Samples first .. first + count - 1.
template <class T>
void run_pools(const pellucid::Kernels<T>& t, const Window& w, long first, long count, const Matrix<T>& x,
               const Matrix<T>& dy, Pools<T>& y) {
  const long in = first * positions(w) * x.ld, out = first * outputs(w) * dy.ld;
  t.max_pool(w, count, x.data + in, y.largest.data + out, y.places.data() + out);
  t.max_pool_backward(w, count, dy.data + out, y.places.data() + out, y.from_largest.data + in);
  t.average_pool(w, count, x.data + in, y.average.data + out);
  t.average_pool_backward(w, count, dy.data + out, y.from_average.data + in);
}

// Equal, or both NaN; a zero's sign may differ, as a tiling stores what other windows add to zero.
template <class T>
bool equal(const Matrix<T>& a, const Matrix<T>& b) {
  for (long i = 0; i < a.rows * a.ld; ++i)
    if (!(a.data[i] == b.data[i] || (std::isnan(a.data[i]) && std::isnan(b.data[i])))) return false;
  return true;
}

template <class T>
void check_pools(const Window& w, long samples, const Matrix<T>& x, const Matrix<T>& dy) {
  const std::string shape = std::string(type_name<T>()) + text_of(w, samples);
  const Pools<T> expected = expected_pools(w, samples, x, dy);
  std::vector<Pools<T>> kept;
  kept.reserve(tables().size());
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    const std::string name = shape + " " + table.isa;
    Pools<T> whole(w, samples, 9), split(w, samples, 7);
    run_pools(t, w, 0, samples, x, dy, whole);
    run_pools(t, w, 0, samples / 2, x, dy, split);
    run_pools(t, w, samples / 2, samples - samples / 2, x, dy, split);
    Matrix<T> only_largest(whole.largest);
    only_largest.fill(9);
    t.max_pool(w, samples, x.data, only_largest.data, nullptr);

    bool places = true;
    for (long i = 0; i < whole.largest.rows * whole.largest.ld; ++i)
      places = places && (i % whole.largest.ld >= w.channels || whole.places[i] == expected.places[i]);
    check(whole.pads_zero(), name + ": pool pads");
    check(equal(whole.largest, expected.largest) && places, name + ": max_pool");
    check(only_largest.same_bits(whole.largest), name + ": max_pool without places");
    check(equal(whole.average, expected.average), name + ": average_pool");
    check(equal(whole.from_largest, expected.from_largest), name + ": max_pool_backward");
    check(equal(whole.from_average, expected.from_average), name + ": average_pool_backward");
    check(split.same_bits(whole), name + ": pool samples apart");
    kept.push_back(whole);
    check(kept.back().same_bits(kept.front()), name + ": pool bits");
  }
}

// Values of which many are equal; and a NaN or an infinity here and there, in the gradient too.
template <class T>
void one_window(const Window& w, long samples) {
  Matrix<T> x(samples * positions(w), w.channels), dy(samples * outputs(w), w.channels);
  check_pools(w, samples, x, dy);
  for (long r = 0; r < x.rows; ++r)
    for (long c = 0; c < w.channels; ++c) x.at(r, c) = std::floor(x.at(r, c) * T(2));
  check_pools(w, samples, x, dy);
  for (long i = 0; i < x.rows * w.channels; i += 7)
    x.at(i / w.channels, i % w.channels) = i % 2 ? std::numeric_limits<T>::quiet_NaN() : -T(HUGE_VAL);
  dy.at(dy.rows / 2, w.channels / 2) = std::numeric_limits<T>::quiet_NaN();
  dy.at(dy.rows - 1, w.channels - 1) = T(HUGE_VAL);
  check_pools(w, samples, x, dy);
  x.fill(0);
  for (long r = 0; r < x.rows; ++r)
    for (long c = 0; c < w.channels; ++c) x.at(r, c) = -T(HUGE_VAL);
  check_pools(w, samples, x, dy);
}

}  // namespace

void test_pooling() {
  // size, window, stride, dilation, padding before and after
  const Axis axes[][2] = {
      {{6, 2, 2, 1, 0, 0}, {8, 2, 2, 1, 0, 0}},     // a tiling
      {{7, 2, 2, 1, 0, 0}, {5, 2, 2, 1, 0, 0}},     // that leaves a row and a column
      {{7, 3, 3, 1, 0, 0}, {9, 2, 2, 1, 0, 0}},     // of another size
      {{5, 1, 1, 1, 0, 0}, {3, 1, 1, 1, 0, 0}},     // of single cells
      {{4, 4, 1, 1, 0, 0}, {5, 5, 1, 1, 0, 0}},     // the whole image
      {{7, 2, 2, 1, 0, 1}, {5, 2, 2, 1, 0, 1}},     // windows over the lower right edge
      {{6, 2, 2, 1, 1, 1}, {6, 2, 2, 1, 1, 1}},     // over every edge
      {{5, 3, 1, 1, 0, 0}, {6, 3, 1, 1, 0, 0}},     // overlaps
      {{7, 3, 2, 1, 1, 1}, {6, 2, 1, 1, 0, 1}},     // overlaps and padding
      {{4, 5, 1, 1, 2, 2}, {3, 5, 2, 1, 2, 2}},     // windows larger than the image
      {{8, 2, 3, 1, 0, 0}, {7, 1, 2, 1, 0, 0}},     // cells that no window covers
      {{7, 3, 1, 2, 2, 2}, {6, 2, 2, 3, 1, 0}},     // dilation
      {{3, 2, 2, 1, 2, 2}, {4, 2, 1, 1, 2, 1}},     // windows without a cell inside
      {{16, 16, 1, 1, 0, 0}, {17, 16, 1, 1, 0, 0}}  // places up to 255
  };
  for (const auto& [rows, columns] : axes)
    for (long channels : {1, 3, 15, 16, 17, 30, 64}) {
      const Window window = window_of(channels, rows, columns);
      one_window<float>(window, 1 + channels % 3);
      one_window<double>(window, 1 + channels % 2);
    }
}

}  // namespace test

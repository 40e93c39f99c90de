// Pools over images by positions. Channels are independent, so every loop is over vectors of channels; a cell that
// several windows cover gathers their contributions in increasing order of output position, within each sample.
#include "kernels/families.h"
#include "kernels/memory.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

struct Range {
  long first, last;
};

// The cells first..last-1 of one axis of a window that lie inside an image of `size` cells. Nearly always all of them.
PELLUCID_INLINE Range inside(long start, long cells, long dilation, long size) {
  Range range{0, cells};
  while (range.first < range.last && start + range.first * dilation < 0) ++range.first;
  while (range.first < range.last && start + (range.last - 1) * dilation >= size) --range.last;
  return range;
}

// What one window covers of its sample. Offsets are in elements; `origin`, that of the window's cell (0, 0), may lie
// outside the image.
struct Cells {
  Range rows, columns;
  long origin, row_step, column_step;
  long window_columns;

  PELLUCID_INLINE long count() const { return (rows.last - rows.first) * (columns.last - columns.first); }
  PELLUCID_INLINE long first_offset() const { return origin + rows.first * row_step + columns.first * column_step; }
  PELLUCID_INLINE long first_number() const { return rows.first * window_columns + columns.first; }

  // visit(offset in the sample, number within the window), row by row.
  template <class Visit>
  PELLUCID_INLINE void each(const Visit& visit) const {
    for (long i = rows.first; i < rows.last; ++i)
      for (long j = columns.first; j < columns.last; ++j)
        visit(origin + i * row_step + j * column_step, i * window_columns + j);
  }
};

// The commonest window of all, whole and without gaps: constants, for the compiler to unroll.
struct SquareOfTwo {
  long origin, row_step, column_step;

  PELLUCID_INLINE long count() const { return 4; }
  PELLUCID_INLINE long first_offset() const { return origin; }
  PELLUCID_INLINE long first_number() const { return 0; }

  template <class Visit>
  PELLUCID_INLINE void each(const Visit& visit) const {
    visit(origin, 0);
    visit(origin + column_step, 1);
    visit(origin + row_step, 2);
    visit(origin + row_step + column_step, 3);
  }
};

// Windows side by side that cover each cell at most once, none of them beyond the image.
PELLUCID_INLINE bool is_tiling(const Window& w) {
  return w.row_stride == w.rows && w.column_stride == w.columns && w.row_dilation == 1 && w.column_dilation == 1 &&
         w.top == 0 && w.left == 0 && w.out_height * w.rows <= w.height && w.out_width * w.columns <= w.width;
}

// visit(cells, offset of the output position) for all windows of a sample, in order.
template <class Visit>
PELLUCID_INLINE void each_window(const Window& w, const Visit& visit) {
  const long ld = padded(w.channels);
  if (is_tiling(w) && w.rows == 2 && w.columns == 2) {
    for (long i = 0; i < w.out_height; ++i)
      for (long j = 0; j < w.out_width; ++j)
        visit(SquareOfTwo{2 * (i * w.width + j) * ld, w.width * ld, ld}, (i * w.out_width + j) * ld);
    return;
  }
  for (long i = 0; i < w.out_height; ++i) {
    const long row = i * w.row_stride - w.top;
    const Range rows = inside(row, w.rows, w.row_dilation, w.height);
    for (long j = 0; j < w.out_width; ++j) {
      const long column = j * w.column_stride - w.left;
      visit(Cells{rows, inside(column, w.columns, w.column_dilation, w.width), (row * w.width + column) * ld,
                  w.row_dilation * w.width * ld, w.column_dilation * ld, w.columns},
            (i * w.out_width + j) * ld);
    }
  }
}

// Elements of a sample of the image, and of the output.
PELLUCID_INLINE long image_size(const Window& w) { return w.height * w.width * padded(w.channels); }
PELLUCID_INLINE long output_size(const Window& w) { return w.out_height * w.out_width * padded(w.channels); }

// ---- the largest --------------------------------------------------------------------------------------------------

// The even elements of a and b, taken as vectors of Element: on a little-endian machine, the low halves of wider ones.
typedef std::uint8_t Bytes __attribute__((vector_size(kRow)));
template <class Element, int... I>
PELLUCID_INLINE Bytes even_elements(Bytes a, Bytes b, std::integer_sequence<int, I...>) {
  typedef Element Elements __attribute__((vector_size(kRow)));
  return reinterpret_cast<Bytes>(
      __builtin_shufflevector(reinterpret_cast<Elements>(a), reinterpret_cast<Elements>(b), 2 * I...));
}
template <class Element, int kFrom>
PELLUCID_INLINE void narrow(Bytes (&parts)[kFrom], int to) {
  constexpr auto count = std::make_integer_sequence<int, kRow / int(sizeof(Element))>{};
#pragma GCC unroll 4
  for (int i = 0; i < to; ++i) parts[i] = even_elements<Element>(parts[2 * i], parts[2 * i + 1], count);
}

// 16 places, as wide as T where lanes are compared, halved until they are bytes: of a plain loop, compilers make scalar
// code.
template <class T>
PELLUCID_INLINE void store_places(std::uint8_t* to, const IntLanes<T> (&places)[kVectors<T>]) {
  Bytes parts[sizeof(T)];
  std::memcpy(parts, places, sizeof parts);
  if constexpr (sizeof(T) == 8) narrow<std::int32_t>(parts, 4);
  narrow<std::int16_t>(parts, 2);
  narrow<std::uint8_t>(parts, 1);
  std::memcpy(to, parts, kRow);
}
template <class T>
PELLUCID_INLINE IntLanes<T> load_places(const std::uint8_t* from) {
  IntLanes<T> places;
  for (int l = 0; l < kLanes<T>; ++l) places[l] = from[l];
  return places;
}

// 16 channels of one window: y(16), places(16). The first NaN wins, or else the first of the largest.
template <class T, bool kPlaces, class Covered>
PELLUCID_INLINE void largest_of(const Covered& cells, const T* x, T* y, std::uint8_t* places) {
  using Int = typename VectorOf<T>::Int;
  IntLanes<T> place[kVectors<T>];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors<T>; ++v) {
    Lanes<T> best = load(x + cells.first_offset() + v * kLanes<T>);
    place[v] = IntLanes<T>{} + Int(cells.first_number());
    cells.each([&](long offset, long number) PELLUCID_LAMBDA {
      const Lanes<T> value = load(x + offset + v * kLanes<T>);
      const IntLanes<T> wins = ~(value <= best) & (best == best);
      best = wins ? value : best;
      place[v] = wins ? IntLanes<T>{} + Int(number) : place[v];
    });
    store(y + v * kLanes<T>, best);
  }
  if (kPlaces) store_places<T>(places, place);
}

// x (height·width, channels) to y (out_height·out_width, channels) and as many places. A window with no cell inside the
// image gives 0, as the pads must stay zero, and leaves its places: nothing will read them.
template <class T, bool kPlaces>
void max_pool_of(const Window& window, long samples, const T* x, T* y, std::uint8_t* places) {
  const long ld = padded(window.channels);
  for (long s = 0; s < samples; ++s) {
    each_window(window, [&](const auto& cells, long output) PELLUCID_LAMBDA {
      if (cells.count() == 0) return clear(y + output, ld);
      for (long c = 0; c < ld; c += kRow)
        largest_of<T, kPlaces>(cells, x + c, y + output + c, kPlaces ? places + output + c : nullptr);
    });
    x += image_size(window);
    y += output_size(window);
    if (kPlaces) places += output_size(window);
  }
}

template <class T>
void max_pool(const Window& window, long samples, const T* x, T* y, std::uint8_t* places) {
  if (places)
    max_pool_of<T, true>(window, samples, x, y, places);
  else
    max_pool_of<T, false>(window, samples, x, y, nullptr);
}

// ---- the average --------------------------------------------------------------------------------------------------

template <class T>
void average_pool(const Window& window, long samples, const T* x, T* y) {
  const long ld = padded(window.channels);
  for (long s = 0; s < samples; ++s) {
    each_window(window, [&](const auto& cells, long output) PELLUCID_LAMBDA {
      if (cells.count() == 0) return clear(y + output, ld);
      for (long c = 0; c < ld; c += kLanes<T>) {
        Lanes<T> sum = {};
        cells.each([&](long offset, long) PELLUCID_LAMBDA { sum += load(x + offset + c); });
        store(y + output + c, sum / splat<T>(T(cells.count())));
      }
    });
    x += image_size(window);
    y += output_size(window);
  }
}

// ---- the ways back ------------------------------------------------------------------------------------------------

// The cells of one sample's image that no window of a tiling covers: to the right of the windows, and below them.
template <class T>
void clear_uncovered(const Window& w, T* dx) {
  const long ld = padded(w.channels), rows = w.out_height * w.rows, columns = w.out_width * w.columns;
  if (columns < w.width)
    for (long i = 0; i < rows; ++i) clear(dx + (i * w.width + columns) * ld, (w.width - columns) * ld);
  clear(dx + rows * w.width * ld, (w.height - rows) * w.width * ld);
}

// dx (height·width, channels) of each sample: share(offset of kLanes outputs, cells under the window) is a function
// that gives each of these cells, by its number, its part of dy. A tiling needs no zeros first, as every cell is
// written once.
template <class T, class Share>
PELLUCID_INLINE void distribute(const Window& window, long samples, T* dx, const Share& share) {
  const long ld = padded(window.channels), size = output_size(window);
  const bool tiling = is_tiling(window);
  for (long s = 0; s < samples; ++s, dx += image_size(window)) {
    if (tiling)
      clear_uncovered(window, dx);
    else
      clear(dx, image_size(window));
    each_window(window, [&](const auto& cells, long output) PELLUCID_LAMBDA {
      for (long c = 0; c < ld; c += kLanes<T>) {
        const auto part = share(s * size + output + c, cells.count());
        if (tiling)
          cells.each([&](long to, long number) PELLUCID_LAMBDA { store(dx + to + c, part(number)); });
        else
          cells.each([&](long to, long number)
                         PELLUCID_LAMBDA { store(dx + to + c, load(dx + to + c) + part(number)); });
      }
    });
  }
}

template <class T>
void max_pool_backward(const Window& window, long samples, const T* dy, const std::uint8_t* places, T* dx) {
  distribute(window, samples, dx, [&](long output, long) PELLUCID_LAMBDA {
    const IntLanes<T> gradient = bits<T>(load(dy + output)), place = load_places<T>(places + output);
    return [=](long number) PELLUCID_LAMBDA {
      return from_bits<T>(gradient & (place == static_cast<typename VectorOf<T>::Int>(number)));
    };
  });
}

template <class T>
void average_pool_backward(const Window& window, long samples, const T* dy, T* dx) {
  distribute(window, samples, dx, [&](long output, long cells) PELLUCID_LAMBDA {
    const Lanes<T> part = load(dy + output) / splat<T>(T(cells));
    return [=](long) PELLUCID_LAMBDA { return part; };
  });
}

}  // namespace

template <class T>
void add_pooling(Kernels<T>& table) {
  table.max_pool = max_pool<T>;
  table.max_pool_backward = max_pool_backward<T>;
  table.average_pool = average_pool<T>;
  table.average_pool_backward = average_pool_backward<T>;
}
template void add_pooling(Kernels<float>&);
template void add_pooling(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid

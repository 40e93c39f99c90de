// Convolutions, sample by sample, without a matrix of image columns: a tile of output positions is held in registers,
// while the kernel goes along the runs of numbers that the window covers in each row of the image. A run is contiguous
// at every position, so the image itself is the left matrix of a product with the packed filters.
//
// The gradient of the input is the same thing with the filters turned round, or goes the other way (scatter.h) where
// that is less work; the gradient of the filters has the same runs as its rows. Every sum has the order of runs (and of
// positions), whatever the tile.
#include "kernels/conv/geometry.h"
#include "kernels/conv/scatter.h"
#include "kernels/families.h"
#include "kernels/gemm/microkernel.h"
#include "kernels/memory.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

// ---- the image, with zeros where the window finds none ------------------------------------------------------------

// The first and the last + 1 of `count` numbers, `gap` apart from `margin` on, that lie in 0 .. size-1.
struct Inside {
  long first, last;
  Inside(long count, long gap, long margin, long size) {
    first = margin >= 0 ? 0 : (-margin + gap - 1) / gap;
    last = larger(first, margin >= size ? 0 : smaller(count, (size - margin + gap - 1) / gap));
  }
};

template <class T>
const T* stage(const Geometry& g, const T* x, T* scratch) {
  if (!g.staged) return x;
  const long pitch = g.pitch(), width = g.staged_width(), height = g.staged_height();
  const Inside rows(g.height, g.row_gap, g.top, height), columns(g.width, g.column_gap, g.left, width);
  clear(scratch, g.staged_size());
  for (long plane = 0; plane < (g.planes ? g.channels : 1); ++plane)
    for (long row = rows.first; row < rows.last; ++row) {
      const T* from = x + ((plane * g.height + row) * g.width + columns.first) * pitch;
      T* to = scratch +
              ((plane * height + row * g.row_gap + g.top) * width + columns.first * g.column_gap + g.left) * pitch;
      if (g.column_gap == 1) {
        copy(from, to, (columns.last - columns.first) * pitch);
      } else {
        for (long column = columns.first; column < columns.last; ++column, from += pitch, to += g.column_gap * pitch)
          copy(from, to, pitch);
      }
    }
  return scratch;
}

// ---- forward, and the gradient of the input -----------------------------------------------------------------------

// A row of tiles, side by side.
template <class T>
struct Strip {
  const T* x;
  long step;      // from one position to the next
  const T* bias;  // null: 0
  const T* filters;
  long ld;  // of filters and y
  T* y;
  long tiles;
  std::uint64_t window_rows;  // bit r, up to 63: whether row r of the window meets anything but zeros
};

template <class T, int MR, int NV>
void correlate(const Strip<T>& s, const Geometry& g) {
  const long length = g.run_length(), rows = g.rows, across = g.runs_across(),
             row_pitch = g.row_dilation * g.row_pitch();
  const long plane_count = g.planes ? g.channels : 1, plane_pitch = g.plane_pitch();
  const long column_pitch = g.column_dilation * g.pitch();
  for (long t = 0; t < s.tiles; ++t) {
    Lanes<T> acc[MR][NV];
    const Accumulators<T> from{s.bias ? Start::bias : Start::zero, s.bias, T(0)};
    start_tile<T, MR, NV>(acc, nullptr, 0, from);
    const T* b = s.filters;
    const T* x = s.x + t * MR * s.step;
    for (long plane = 0; plane < plane_count; ++plane)
      for (long row = 0; row < rows; ++row) {
        if (row < 64 && !(s.window_rows >> row & 1)) {
          b += across * length * s.ld;
          continue;
        }
        for (long column = 0; column < across; ++column) {
          const T* a = x + plane * plane_pitch + row * row_pitch + column * column_pitch;
          for (long k = 0; k < length; ++k, ++a, b += s.ld) {
            Lanes<T> filters[NV];
#pragma GCC unroll 8
            for (int v = 0; v < NV; ++v) filters[v] = load(b + v * kLanes<T>);
#pragma GCC unroll 16
            for (int i = 0; i < MR; ++i) {
              const Lanes<T> factor = splat<T>(a[i * s.step]);
#pragma GCC unroll 8
              for (int v = 0; v < NV; ++v) acc[i][v] = fma(factor, filters[v], acc[i][v]);
            }
          }
        }
      }
    T* y = s.y + t * MR * s.ld;
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) store(y + i * s.ld + v * kLanes<T>, acc[i][v]);
  }
}

template <class T>
using Correlate = void (*)(const Strip<T>&, const Geometry&);

template <class T, int NV, int... I>
Correlate<T> correlate_rows(int rows, std::integer_sequence<int, I...>) {
  static constexpr Correlate<T> functions[] = {correlate<T, I + 1, NV>...};
  return functions[rows - 1];
}

template <class T>
Correlate<T> correlate_of(int rows, int vectors) {
  switch (vectors) {
    case 1:
      return correlate_rows<T, 1>(rows, std::make_integer_sequence<int, max_rows(1)>{});
    case 2:
      return correlate_rows<T, 2>(rows, std::make_integer_sequence<int, max_rows(2)>{});
    case 4:
      return correlate_rows<T, 4>(rows, std::make_integer_sequence<int, max_rows(4)>{});
    default:
      return correlate_rows<T, 8>(rows, std::make_integer_sequence<int, max_rows(8)>{});
  }
}

// Rows of zeros, around the image and between its rows, add nothing: which rows of the window meet others.
std::uint64_t rows_met(const Geometry& g, long out_row) {
  if (!g.staged) return ~std::uint64_t(0);
  std::uint64_t met = 0;
  for (long row = 0; row < smaller(g.rows, 64); ++row) {
    const long at = out_row * g.row_stride + row * g.row_dilation - g.top;
    if (at >= 0 && at % g.row_gap == 0 && at / g.row_gap < g.height) met |= std::uint64_t(1) << row;
  }
  return met;
}

template <class T>
void correlate_samples(const Geometry& g, long samples, const T* x, const T* packed, const T* bias, T* y, T* scratch) {
  const long ld = padded(g.filters), step = g.column_stride * g.pitch();
  const Split split(g.out_width, kMaxRows);
  const int most = widest(split.tallest());
  for (long sample = 0; sample < samples; ++sample, x += g.sample_size(), y += g.out_size()) {
    const T* image = stage(g, x, scratch);
    for (long col = 0; col < ld;) {
      const int vectors = panel_vectors((ld - col) / kLanes<T>, most);
      for (long row = 0; row < g.out_height; ++row) {
        Strip<T> strip{image + row * g.row_stride * g.row_pitch(),
                       step,
                       bias ? bias + col : nullptr,
                       packed + col,
                       ld,
                       y + row * g.out_width * ld + col,
                       0,
                       rows_met(g, row)};
        for (long first = 0; first < split.tiles; first += strip.tiles) {
          const long height = split.height(first);
          strip.tiles = (first < split.extra ? split.extra : split.tiles) - first;
          correlate_of<T>(int(height), vectors)(strip, g);
          strip.x += strip.tiles * height * step;
          strip.y += strip.tiles * height * ld;
        }
      }
      col += vectors * kLanes<T>;
    }
  }
}

// ---- the gradient of the filters ----------------------------------------------------------------------------------

// Rows of dW: MR numbers of each of R runs; columns: NV vectors of filters. Sums over all positions of a sample.
template <class T>
struct Share {
  const T* x;
  const T* dy;
  T* sums;
  long ld;           // of dy and sums
  long offsets[4];   // of the runs
  long sums_apart;   // from one run's rows of sums to the next one's
  long first, last;  // output rows where some run meets anything but zeros
};

template <class T, int MR, int R, int NV>
void add_gradient(const Share<T>& s, const Geometry& g) {
  Lanes<T> acc[R][MR][NV];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) acc[r][i][v] = load(s.sums + r * s.sums_apart + i * s.ld + v * kLanes<T>);
  const long step = g.column_stride * g.pitch(), row_step = g.row_stride * g.row_pitch();
  const T* dy = s.dy + s.first * g.out_width * s.ld;
  for (long row = s.first; row < s.last; ++row) {
    const T* a[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) a[r] = s.x + row * row_step + s.offsets[r];
    for (long column = 0; column < g.out_width; ++column, dy += s.ld) {
      Lanes<T> b[NV];
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) b[v] = load(dy + v * kLanes<T>);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i) {
          const Lanes<T> factor = splat<T>(a[r][i]);
#pragma GCC unroll 4
          for (int v = 0; v < NV; ++v) acc[r][i][v] = fma(factor, b[v], acc[r][i][v]);
        }
        a[r] += step;
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) store(s.sums + r * s.sums_apart + i * s.ld + v * kLanes<T>, acc[r][i][v]);
}

template <class T>
using AddGradient = void (*)(const Share<T>&, const Geometry&);

template <class T, int R, int NV, int... I>
AddGradient<T> add_gradient_rows(int rows, std::integer_sequence<int, I...>) {
  static constexpr AddGradient<T> functions[] = {add_gradient<T, I + 1, R, NV>...};
  return functions[rows - 1];
}

template <class T, int NV>
AddGradient<T> add_gradient_of(int rows, int runs) {
  switch (runs) {
    case 1:
      return add_gradient_rows<T, 1, NV>(rows, std::make_integer_sequence<int, kMaxRows>{});
    case 2:
      return add_gradient_rows<T, 2, NV>(rows, std::make_integer_sequence<int, kMaxRows / 2>{});
    case 3:
      return add_gradient_rows<T, 3, NV>(rows, std::make_integer_sequence<int, kMaxRows / 3>{});
    default:
      return add_gradient_rows<T, 4, NV>(rows, std::make_integer_sequence<int, (kMaxRows + 3) / 4>{});
  }
}

// Output rows where this row of the window lies on rows of zeros add nothing. (Forward, no zeros lie between rows.)
template <class T>
void take_rows_met(const Geometry& g, long window_row, Share<T>& share) {
  const long before = g.top - window_row * g.row_dilation, behind = g.height + before;
  const long first = before > 0 ? (before + g.row_stride - 1) / g.row_stride : 0;
  const long last = behind > 0 ? smaller((behind + g.row_stride - 1) / g.row_stride, g.out_height) : 0;
  share.first = smaller(share.first, first);
  share.last = larger(share.last, last);
}

// How many runs go together, so that short ones fill the registers too.
long runs_together(long tallest, long left) { return smaller(smaller(kMaxRows / tallest, 4), left); }

template <class T>
void filter_sums(const Geometry& g, const T* image, const T* dy, T* sums) {
  const long ld = padded(g.filters), length = g.run_length();
  const Split split(length, kMaxRows);
  for (long run = 0; run < g.run_count();) {
    const long together = runs_together(split.tallest(), g.run_count() - run);
    for (long col = 0; col < ld;) {
      const int vectors = panel_vectors((ld - col) / kLanes<T>, 2);
      for (long tile = 0, row = 0; tile < split.tiles; row += split.height(tile), ++tile) {
        Share<T> share{image + row,  dy + col, sums + (run * length + row) * ld + col, ld, {}, length * ld,
                       g.out_height, 0};
        for (long r = 0; r < together; ++r) {
          share.offsets[r] = g.run_offset(run + r);
          take_rows_met(g, g.window_row(run + r), share);
        }
        const int height = int(split.height(tile)), runs = int(together);
        (vectors == 2 ? add_gradient_of<T, 2>(height, runs) : add_gradient_of<T, 1>(height, runs))(share, g);
      }
      col += vectors * kLanes<T>;
    }
    run += together;
  }
}

// ---- filters, in the order of the runs ----------------------------------------------------------------------------

// The number of a filter (channel, row, column) that comes k-th.
struct Cell {
  long channel, row, column;
};
Cell cell_of(const Geometry& g, long k) {
  if (g.planes) return {k / g.columns / g.rows, k / g.columns % g.rows, k % g.columns};
  return {k % g.channels, k / g.channels / g.columns, k / g.channels % g.columns};
}

// Where W (filters, channels/groups, rows, columns) keeps one cell of the filters that see it: first .. last-1.
struct Column {
  long first, last, offset;
  Column(const Convolution& c, const Cell& cell) {
    const long inner = c.window.channels / c.groups, outer = c.filters / c.groups, group = cell.channel / inner;
    first = group * outer;
    last = first + outer;
    offset = (cell.channel % inner * c.window.rows + cell.row) * c.window.columns + cell.column;
  }
};

template <class T>
void pack_filters(const Convolution& c, const T* W, long ldw, T* packed) {
  const Geometry g = geometry_of(c);
  const long ld = padded(c.filters);
  clear(packed, g.depth() * ld);
  for (long k = 0; k < g.depth(); ++k, packed += ld) {
    const Column column(c, cell_of(g, k));
    for (long filter = column.first; filter < column.last; ++filter) packed[filter] = W[filter * ldw + column.offset];
  }
}

template <class T>
void pack_filters_back(const Convolution& c, const T* W, long ldw, T* packed) {
  if (scatters(c)) return pack_scattered(c, W, ldw, packed);
  const Geometry g = backward_geometry(c);
  const Window& w = c.window;
  const long ld = padded(w.channels), inner = w.channels / c.groups, cells = w.rows * w.columns;
  clear(packed, g.depth() * ld);
  for (long k = 0; k < g.depth(); ++k, packed += ld) {
    const Cell turned = cell_of(g, k);  // its channel is the filter
    const long first = turned.channel / (c.filters / c.groups) * inner;
    const T* from = W + turned.channel * ldw + (w.rows - 1 - turned.row) * w.columns + w.columns - 1 - turned.column;
    for (long i = 0; i < inner; ++i) packed[first + i] = from[i * cells];
  }
}

// ---- the table ----------------------------------------------------------------------------------------------------

ConvolutionSizes convolution_sizes(const Convolution& c) {
  const Geometry forward = geometry_of(c), back = backward_geometry(c);
  const long packed = forward.depth() * padded(c.filters), scratch = padded(forward.staged_size());
  if (scatters(c)) return {packed, scattered_filters(c), scratch, scattered_scratch(c)};
  return {packed, back.depth() * padded(c.window.channels), scratch, padded(back.staged_size())};
}

template <class T>
void convolve(const Convolution& c, long samples, const T* x, const T* packed, const T* bias, T* y, T* scratch) {
  correlate_samples(geometry_of(c), samples, x, packed, bias, y, scratch);
}

template <class T>
void convolve_back(const Convolution& c, long samples, const T* dy, const T* packed, T* dx, T* scratch) {
  if (scatters(c)) return scatter_back(c, samples, dy, packed, dx, scratch);
  correlate_samples<T>(backward_geometry(c), samples, dy, packed, nullptr, dx, scratch);
}

template <class T>
void add_filter_gradient(const Convolution& c, long samples, const T* x, const T* dy, T* sums, T* scratch) {
  const Geometry g = geometry_of(c);
  for (long sample = 0; sample < samples; ++sample, x += g.sample_size(), dy += g.out_size())
    filter_sums(g, stage(g, x, scratch), dy, sums);
}

template <class T>
void unpack_filter_gradient(const Convolution& c, const T* sums, T* dW, long ldw) {
  const Geometry g = geometry_of(c);
  for (long k = 0; k < g.depth(); ++k, sums += padded(c.filters)) {
    const Column column(c, cell_of(g, k));
    for (long filter = column.first; filter < column.last; ++filter) dW[filter * ldw + column.offset] = sums[filter];
  }
}

}  // namespace

template <class T>
void add_convolution(Kernels<T>& table) {
  table.convolution_sizes = convolution_sizes;
  table.pack_filters = pack_filters<T>;
  table.pack_filters_back = pack_filters_back<T>;
  table.convolve = convolve<T>;
  table.convolve_back = convolve_back<T>;
  table.add_filter_gradient = add_filter_gradient<T>;
  table.unpack_filter_gradient = unpack_filter_gradient<T>;
}
template void add_convolution(Kernels<float>&);
template void add_convolution(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid

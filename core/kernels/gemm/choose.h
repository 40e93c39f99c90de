// Which way a product of some full shape is made: the one place that decides, and so the one that fixes the order of
// every sum. The kernels go by it, and so do their scratch, how they are shared, and who asks for the rows ahead.
#pragma once

#include "kernels/simd.h"
#include "kernels/table.h"

namespace pellucid {
namespace PELLUCID_ISA {

constexpr long kRowBlock = 240;             // rows of a whose block of k stays in the second-level cache
constexpr long kPanelBytes = 32 * 1024;     // columns of b, packed: two thirds of a first-level cache
constexpr long kBandBytes = 256 * 1024;     // packed columns of b: a quarter of a second-level cache
constexpr long kGradientBytes = 24 * 1024;  // a strip of the gradient: half a first-level cache
constexpr long kDeepBytes = 512 * 1024;     // a block of the gradient where k is deeper: half a second-level cache
constexpr long kStripDepth = 256;           // k up to which a strip is summed in one pass
constexpr long kShallowDepth = 12;          // k up to which all of b's columns stay in registers
constexpr long kMostEdge = 4;

template <class T>
constexpr long kPanelElements = kPanelBytes / long(sizeof(T));
template <class T>
constexpr long kGradientElements = kGradientBytes / long(sizeof(T));
template <class T>
constexpr long kDeepElements = kDeepBytes / long(sizeof(T));

// Data sets come in single precision; in double, rows are always packed first.
template <class T>
constexpr bool kRowsApart = sizeof(T) == sizeof(float);

// How many of the last columns of c = a·b are summed along k: the few where a vector of 16 would be mostly pad. In half
// cycles for each row of c: a vector of columns takes k, one column k/16 and the sum over its lanes.
constexpr long edge_along_k(long n, long k) {
  const long left = n % kRow;
  return left <= kMostEdge && left * (k / kRow + 24) * 4 < k * 3 ? left : 0;
}
// How many of the last columns of c = aᵀ·b are made by vectors of rows. In half cycles for 16 rows of c, which are read
// and written one by one.
constexpr long edge_by_rows(long n, long k) {
  const long left = n % kRow;
  return left <= kMostEdge && (k * (left + 1) + 64 * left) * 4 < kRow * k * 3 ? left : 0;
}

// Chains per element of c = a·b: eight multiply-adds must be in flight to hide the latency of one.
constexpr int chains(long m, long n, long k) {
  const long rows = m * (padded(n) / kRow);
  int count = 1;
  while (rows * count < 8 && k >= 4 * count) count *= 2;
  return count;
}

// Whether transposing b would cost more than the tree of additions behind every element that is summed along k.
constexpr bool along_k(long m, long k) { return m <= 3 ? k > 1 : m <= 32 && m * 10 <= k; }

template <class T>
constexpr Choice choose(Product product, long m, long n, long k) {
  Choice choice{Algorithm::blocked, 1, 0, kRowsApart<T>, false, 12, 32};
  switch (product) {
    case Product::nn:
      choice.chains = chains(m, n, k);
      if (choice.chains > 1) {
        choice.algorithm = Algorithm::chains;
        choice.takes_rows_apart = false;
      } else {
        choice.edge = edge_along_k(n, k);
        choice.asks_ahead = true;
      }
      break;
    case Product::nt:
      choice.takes_rows_apart = false;
      if (along_k(m, k))
        choice.algorithm = Algorithm::folded;
      else if (k == 1)
        choice.algorithm = Algorithm::outer;
      else
        choice.edge = edge_along_k(n, k);
      break;
    case Product::tn:
      break;
    case Product::tn_add:
    case Product::tn_update:
      choice.algorithm = k > kStripDepth ? Algorithm::deep : Algorithm::strips;
      choice.edge = edge_by_rows(n, k);
      choice.asks_ahead = choice.algorithm == Algorithm::strips && (k <= kShallowDepth || choice.edge > 0);
      break;
  }
  return choice;
}

// Elements of scratch for this shape, and for every one with fewer rows in a batch: those may be made another way, so
// that what counts is all that a smaller m, or a smaller k where a is transposed, can come to.
template <class T>
constexpr long scratch_of(Product product, long n, long k) {
  switch (product) {
    case Product::nn:
    case Product::nt:  // a panel of b; behind it the last columns of b, and their sums for a block of rows
      if (n % kRow == 0 || n % kRow > kMostEdge) return kPanelElements<T>;
      return kPanelElements<T> + n % kRow * (padded(k) + kRowBlock * kRow);
    case Product::tn:
      return kPanelElements<T>;
    case Product::tn_add:
    case Product::tn_update: {  // a strip or a block of the gradient, where it is kept, then b's columns
      const bool keeps = product == Product::tn_update;
      const long shallow = smaller(k, kStripDepth);
      const long band = larger(kBandBytes / long(sizeof(T)), 32 * shallow);
      const long strips =
          smaller(band, (n + 31) / 32 * 32 * shallow) + (keeps ? kGradientElements<T> : 0) + kMostEdge * shallow;
      if (k <= kStripDepth) return strips;
      return larger(strips, kPanelElements<T> + (keeps ? kDeepElements<T> : 0));
    }
  }
  __builtin_unreachable();
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid

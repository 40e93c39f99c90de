// Sequences between flat rows and rows by positions, and each sample transposed, against one loop per element.
#include "tests/check.h"

namespace test {
namespace {

template <class T>
void sequences(long positions, long width, long samples) {
  const Matrix<T> flat(samples, positions * width);
  Matrix<T> rows(samples * positions, width, false), turned(samples * width, positions, false);
  for (long s = 0; s < samples; ++s)
    for (long p = 0; p < positions; ++p)
      for (long j = 0; j < width; ++j)
        turned.at(s * width + j, p) = rows.at(s * positions + p, j) = flat.at(s, p * width + j);
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    const std::string name = std::string(type_name<T>()) + " " + std::to_string(samples) + " samples of " +
                             std::to_string(positions) + "x" + std::to_string(width) + " " + table.isa;
    Matrix<T> to_rows(rows), to_flat(flat), transposed(turned);
    to_rows.fill(9);
    to_flat.fill(9);
    transposed.fill(9);
    t.rows_to_positions(flat.data, positions, width, samples, to_rows.data);
    t.positions_to_rows(rows.data, positions, width, samples, to_flat.data);
    t.transpose_samples(rows.data, positions, width, samples, transposed.data);
    check(to_rows.same_bits(rows), name + ": rows_to_positions");
    check(to_flat.same_bits(flat), name + ": positions_to_rows");
    check(transposed.same_bits(turned), name + ": transpose_samples");
  }
}

}  // namespace

void test_positions() {
  for (long positions : {1, 2, 3, 4, 5, 8, 15, 16, 17, 33})
    for (long width : {1, 3, 4, 7, 8, 15, 16, 17, 30, 64}) {
      sequences<float>(positions, width, 1 + (positions + width) % 3);
      sequences<double>(positions, width, 1 + (positions + width) % 3);
    }
}

}  // namespace test

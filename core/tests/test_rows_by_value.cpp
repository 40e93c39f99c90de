// Rows chosen by values, back and forth, and one-hot rows, against plain loops; values that choose nothing included.
#include "tests/check.h"

namespace test {
namespace {

template <class T>
void rows_by_value(long rows, long width, long count) {
  const Matrix<T> W(rows, width), g(count, width);
  std::vector<T> index;
  for (long i = 0; i < count; ++i) index.push_back(T(double(generator()() % std::uint64_t(rows)) + (i % 3 ? 0 : 0.25)));
  const double nowhere[] = {-1, double(rows), std::nan(""), HUGE_VAL, -HUGE_VAL, 1e30, -0.5};
  for (long i = 0; i < count; i += 4) index[std::size_t(i)] = T(nowhere[i / 4 % 7]);
  const auto row_of = [&](long i) {
    const double value = double(index[std::size_t(i)]);
    return value >= 0 && value < double(rows) ? long(value) : -1L;
  };
  Matrix<T> taken(count, width, false), added(rows, width, false), hot(count, rows, false);
  for (long i = 0; i < count; ++i) {
    const long row = row_of(i);
    for (long j = 0; j < width; ++j) {
      taken.at(i, j) = row < 0 ? T(std::nan("")) : W.at(row, j);
      if (row >= 0) added.at(row, j) = added.at(row, j) + g.at(i, j);
    }
    if (row >= 0) hot.at(i, row) = 1;
  }
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    const std::string name = std::string(type_name<T>()) + " " + table.isa + " " + std::to_string(rows) + "x" +
                             std::to_string(width) + ", " + std::to_string(count);
    Matrix<T> out(count, width), dW(rows, width, false), one_hot(count, rows);
    out.fill(5);
    one_hot.fill(5);
    t.take_rows(W.data, W.ld, rows, index.data(), count, width, out.data, out.ld);
    t.add_rows(g.data, g.ld, index.data(), count, width, dW.data, dW.ld, rows);
    t.one_hot_of(index.data(), count, rows, one_hot.data, one_hot.ld);
    bool good = out.pads_zero();
    for (long i = 0; i < count; ++i)
      for (long j = 0; j < width; ++j)
        good = good && (out.at(i, j) == taken.at(i, j) || (out.at(i, j) != out.at(i, j) && row_of(i) < 0));
    check(good, name + ": take_rows");
    check(dW.same_bits(added), name + ": add_rows");
    check(one_hot.same_bits(hot), name + ": one_hot_of");
  }
}

}  // namespace

void test_rows_by_value() {
  for (long rows : {1, 2, 7, 16, 100})
    for (long width : {1, 3, 8, 15, 16, 17, 30, 43, 64, 100})
      for (long count : {1, 4, 9, 50}) {
        rows_by_value<float>(rows, width, count);
        rows_by_value<double>(rows, width, count);
      }
}

}  // namespace test

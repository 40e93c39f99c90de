// Sums, maxima and argmax against plain loops; equal bits between instruction sets.
#include "tests/check.h"

namespace test {
namespace {

template <class T>
void one_shape(long rows, long k) {
  const std::string shape = std::string(type_name<T>()) + " " + std::to_string(rows) + "x" + std::to_string(k);
  Matrix<T> x(rows, k);
  if (k > 3) x.at(rows / 2, k / 2) = x.at(rows / 2, k - 1) = T(2);  // a tie: the first wins
  std::vector<Matrix<T>> kept;
  kept.reserve(3 * tables().size());
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    const std::string name = shape + " " + table.isa;
    Matrix<T> down(1, k), along(rows, 1), largest(rows, 1);
    for (Matrix<T>* m : {&down, &along, &largest}) m->fill(9);
    const long half = k > 16 ? 16 : k;
    t.sum_rows(x.data, rows, k, 0, half, down.data);
    if (half < k) t.sum_rows(x.data, rows, k, half, k, down.data);
    t.sum_columns(x.data, 0, rows / 2, k, along.data);
    t.sum_columns(x.data, rows / 2, rows, k, along.data);
    t.max_columns(x.data, 0, rows, k, largest.data);
    std::vector<std::int32_t> classes(rows);
    t.argmax_columns(x.data, 0, rows, k, classes.data());
    check(down.pads_zero() && along.pads_zero() && largest.pads_zero(), name + ": reduction pads");
    double worst = 0;
    long double all = 0;
    bool best = true;
    for (long r = 0; r < rows; ++r) {
      long double sum = 0;
      long at = 0;
      for (long j = 0; j < k; ++j) {
        sum += x.at(r, j);
        if (x.at(r, j) > x.at(r, at)) at = j;
      }
      all += sum;
      worst = std::fmax(worst, std::fabs(double(sum - along.at(r, 0))));
      best = best && largest.at(r, 0) == x.at(r, at) && classes[r] == at;
    }
    for (long j = 0; j < k; ++j) {
      long double sum = 0;
      for (long r = 0; r < rows; ++r) sum += x.at(r, j);
      worst = std::fmax(worst, std::fabs(double(sum - down.at(0, j))));
    }
    const T total = t.sum_all(x.data, rows, k);
    worst = std::fmax(worst, std::fabs(double(all - total)) / std::sqrt(double(rows)));
    check(worst < unit<T>() * double(k + rows + 4), name + ": sums");
    check(best, name + ": maxima");
    check(k == 1 || t.count_correct(x.data, rows, k, classes.data()) == rows, name + ": count_correct");
    Matrix<T> one(1, 1);
    one.at(0, 0) = total;
    for (const Matrix<T>* m : {&down, &along, &one}) kept.push_back(*m);
    const std::size_t last = kept.size();
    if (last >= 9)
      for (std::size_t i = 1; i <= 3; ++i) check(kept[last - i].same_bits(kept[6 - i]), name + ": reduction bits");
  }
}

// Every label of rows with ties, NaN, infinities and numbers below the pads' zero, one row at a time.
template <class T>
void right_answers() {
  const double choices[] = {-2, -1, -1, 0, 1, 1, std::nan(""), -INFINITY, INFINITY};
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    bool good = true;
    for (const long k : {2L, 3L, 10L, 16L, 17L, 40L})
      for (int trial = 0; trial < 50; ++trial) {
        Matrix<T> x(1, k);
        // Without NaN and infinities in every other trial.
        for (long j = 0; j < k; ++j) x.at(0, j) = T(choices[generator()() % (trial % 2 ? 9 : 6)]);
        std::int32_t best;
        t.argmax_columns(x.data, 0, 1, k, &best);
        for (std::int32_t label = -1; label <= k; ++label)
          good = good && t.count_correct(x.data, 1, k, &label) == (label == best);
      }
    check(good, std::string("count_correct by label ") + type_name<T>() + " " + table.isa);
  }
}

// Every place of every length, at the bound itself and on either side of it.
template <class T>
void bounds() {
  const T bound = T(1e12), inside = std::nextafter(bound, T(0)), outside = std::nextafter(bound, T(HUGE_VAL));
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    bool good = true;
    for (long count : {1, 2, 3, 15, 16, 17, 31, 32, 48, 49, 100}) {
      Matrix<T> x(1, count);
      for (long at = 0; at < count; ++at)
        for (T sign : {T(1), T(-1)})
          for (const auto& [value, below] : {std::pair(inside, true), {bound, false}, {outside, false}, {T(0), true}}) {
            const T before = x.at(0, at);
            x.at(0, at) = sign * value;
            good = good && t.all_below(x.data, count, bound) == below;
            x.at(0, at) = before;
          }
    }
    check(good, std::string("all_below near the bound ") + type_name<T>() + " " + table.isa);
  }
}

template <class T>
void not_numbers() {
  for (const auto& table : tables()) {
    const auto& t = kernels_of<T>(table);
    for (long at = 0; at < 37; ++at) {
      Matrix<T> x(1, 37), out(1, 1);
      check(t.all_below(x.data, 37, T(1.5)), "all_below: all are");
      for (double bad : {std::nan(""), HUGE_VAL, -2.0}) {
        x.at(0, at) = T(bad);
        check(!t.all_below(x.data, 37, T(1.5)), "all_below: one is not");
      }
      x.at(0, at) = T(std::nan(""));
      if (at > 2) x.at(0, 36) = T(std::nan(""));
      std::int32_t found;
      t.argmax_columns(x.data, 0, 1, 37, &found);
      check(found == at, "argmax: the first NaN");
      t.max_columns(x.data, 0, 1, 37, out.data);
      check(std::isnan(out.at(0, 0)), "max_columns: NaN");
    }
  }
}

}  // namespace

void test_reductions() {
  right_answers<float>();
  right_answers<double>();
  for (long rows : {1, 2, 9, 33, 100})
    for (long k : {1, 7, 15, 16, 17, 43, 64, 100, 257}) {
      one_shape<float>(rows, k);
      one_shape<double>(rows, k);
    }
  not_numbers<float>();
  not_numbers<double>();
  bounds<float>();
  bounds<double>();
}

}  // namespace test

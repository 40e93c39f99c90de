// Products against a naive sum in long double; equal bits for any partition and for every set with fused multiply-add.
#include "tests/check.h"

namespace test {
namespace {

using pellucid::Kernels;
using pellucid::Part;
using pellucid::Product;
using pellucid::UpdateRule;

constexpr Product kProducts[] = {Product::nn, Product::nt, Product::tn, Product::tn_add, Product::tn_update};
constexpr const char* kNames[] = {"nn", "nt", "tn", "tn_add", "tn_update"};

template <class T>
struct Problem {
  Product kind;
  long m, n, k;
  Matrix<T> a, b, bias, c0, s1, s2;
  T scalars[pellucid::kUpdateScalars] = {T(0.1),  T(0.01), T(0.001), T(0.9), T(0.1),
                                         T(0.99), T(0.01), T(1e-3),  T(1.5), T(0.99)};
  static bool tn(Product kind) { return kind != Product::nn && kind != Product::nt; }
  Problem(Product kind_, long m_, long n_, long k_)
      : kind(kind_),
        m(m_),
        n(n_),
        k(k_),
        a(tn(kind) ? k : m, tn(kind) ? m : k),
        b(kind == Product::nt ? n : k, kind == Product::nt ? k : n),
        bias(1, n),
        c0(m, n),
        s1(m, n, false),
        s2(m, n, false) {}

  double exact(long i, long j, double* scale) const {
    long double sum = kind == Product::nn ? bias.at(0, j) : kind == Product::tn_add ? T(0.75) * c0.at(i, j) : T(0);
    long double size = std::fabs(double(sum));
    const long double factor = kind == Product::tn_add ? -0.5L : 1.0L;
    for (long q = 0; q < k; ++q) {
      const long double x = tn(kind) ? a.at(q, i) : a.at(i, q), y = kind == Product::nt ? b.at(j, q) : b.at(q, j);
      sum += factor * x * y;
      size += std::fabs(double(x * y));
    }
    *scale = double(size);
    return double(sum);
  }

  // The result over the parts (row cuts x column cuts); `apart`: with a's rows somewhere else, in another order.
  Matrix<T> run(const Kernels<T>& t, const std::vector<long>& rows, const std::vector<long>& columns,
                bool apart) const {
    Matrix<T> c(c0), v1(s1), v2(s2), elsewhere(a);
    std::vector<const T*> rows_of_a;
    const long count = tn(kind) ? k : m;
    for (long r = 0; r < count; ++r) {
      T* to = elsewhere.data + (count - 1 - r) * a.ld;
      std::memcpy(to, a.data + r * a.ld, a.ld * sizeof(T));
      rows_of_a.push_back(to);
    }
    const T* left = apart ? nullptr : a.data;
    if (kind == Product::nn || kind == Product::nt || kind == Product::tn) c.fill(7);
    for (std::size_t r = 0; r + 1 < rows.size(); ++r)
      for (std::size_t q = 0; q + 1 < columns.size(); ++q) {
        Matrix<T> scratch(1, t.matmul_scratch(kind, m, n, k));
        scratch.fill(std::nan(""));  // nothing may be read that was not written
        const Part part{rows[r], rows[r + 1], columns[q], columns[q + 1], nullptr, apart ? rows_of_a.data() : nullptr};
        switch (kind) {
          case Product::nn:
            t.matmul_nn(left, a.ld, b.data, b.ld, bias.data, c.data, c.ld, m, n, k, part, scratch.data);
            break;
          case Product::nt:
            t.matmul_nt(left, a.ld, b.data, b.ld, c.data, c.ld, m, n, k, part, scratch.data);
            break;
          case Product::tn:
            t.matmul_tn(left, a.ld, b.data, b.ld, c.data, c.ld, m, n, k, part, scratch.data);
            break;
          case Product::tn_add:
            t.matmul_tn_add(left, a.ld, b.data, b.ld, T(0.75), T(-0.5), c.data, c.ld, m, n, k, part, scratch.data);
            break;
          case Product::tn_update:
            t.matmul_tn_update(left, a.ld, b.data, b.ld, UpdateRule::adamw, scalars, c.data, v1.data, v2.data, c.ld, m,
                               n, k, part, scratch.data);
        }
      }
    return c;
  }

  // What tn_update must give, bit for bit: the product, then the rule.
  Matrix<T> two_steps(const Kernels<T>& t) const {
    Matrix<T> g(m, n), c(c0), v1(s1), v2(s2), scratch(1, t.matmul_scratch(Product::tn, m, n, k));
    t.matmul_tn(a.data, a.ld, b.data, b.ld, g.data, g.ld, m, n, k, {0, m, 0, n}, scratch.data);
    t.update[int(UpdateRule::adamw)](c.data, g.data, v1.data, v2.data, m * c.ld, scalars);
    return c;
  }
};

std::vector<long> cuts(long size, long step) {
  std::vector<long> at{0};
  while (at.back() + step < size) at.push_back(at.back() + step);
  at.push_back(size);
  return at;
}

template <class T>
void one_shape(Product kind, long m, long n, long k) {
  const Problem<T> p(kind, m, n, k);
  const std::string name = std::string(kNames[int(kind)]) + " " + type_name<T>() + " " + std::to_string(m) + "x" +
                           std::to_string(n) + "x" + std::to_string(k);
  const Matrix<T>* fused = nullptr;
  std::vector<Matrix<T>> kept;
  kept.reserve(tables().size());
  for (const auto& table : tables()) {
    const Kernels<T>& t = kernels_of<T>(table);
    const std::string here = name + " " + table.isa;
    kept.push_back(p.run(t, {0, m}, {0, n}, false));
    const Matrix<T>& c = kept.back();
    if (kind == Product::tn_update) {
      check(c.same_bits(p.two_steps(t)), here + ": product, then rule");
    } else {
      double worst = 0;
      for (long i = 0; i < m; ++i)
        for (long j = 0; j < n; ++j) {
          double scale;
          const double exact = p.exact(i, j, &scale);
          worst = std::fmax(worst, std::fabs(double(c.at(i, j)) - exact) / (scale + 1e-30));
        }
      check(worst < unit<T>() * (double(k) + 4), here + ": values");
    }
    check(c.pads_zero(), here + ": pads");
    check(c.same_bits(p.run(t, cuts(m, 5), cuts(n, 16), false)), here + ": parts of 5 x 16");
    check(c.same_bits(p.run(t, cuts(m, (m + 2) / 3), cuts(n, 48), false)), here + ": parts in thirds x 48");
    if (t.choose(kind, m, n, k).takes_rows_apart && p.a.ld == p.a.width) {
      check(c.same_bits(p.run(t, {0, m}, {0, n}, true)), here + ": rows apart");
      check(c.same_bits(p.run(t, cuts(m, 5), cuts(n, 16), true)), here + ": rows apart, parts of 5 x 16");
    }
    if (std::strcmp(table.isa, "baseline") != 0) {
      if (fused) check(c.same_bits(*fused), here + ": bits of the other set");
      fused = &c;
    }
  }
}

// The executor asks once, for the largest batch: the answer must suffice for every shorter one.
template <class T>
void enough_scratch(Product kind) {
  for (const auto& table : tables())
    for (const long n : {16L, 100L, 512L, 2048L}) {
      long most = 0;
      bool enough = true;
      for (long rows = 1; rows <= 600; ++rows) {
        const long asked = kernels_of<T>(table).matmul_scratch(kind, 784, n, rows);
        enough = enough && asked >= most;
        most = asked > most ? asked : most;
      }
      check(enough, std::string(kNames[int(kind)]) + " scratch for fewer rows, n = " + std::to_string(n));
    }
}

}  // namespace

void test_matmul() {
  for (const Product kind : kProducts) {
    enough_scratch<float>(kind);
    enough_scratch<double>(kind);
  }
  const long sizes[] = {1, 2, 3, 4, 7, 8, 9, 12, 13, 15, 16, 17, 31, 32, 33, 43, 100};
  const long count = long(sizeof(sizes) / sizeof(*sizes));
  for (const Product kind : kProducts) {
    for (long i = 0; i < count; ++i)
      for (long j = 0; j < count; j += 1)
        for (long q = (i + j) % 3; q < count; q += 3) {
          one_shape<float>(kind, sizes[i], sizes[j], sizes[q]);
          if ((i + j + q) % 2) one_shape<double>(kind, sizes[i], sizes[j], sizes[q]);
        }
    for (const auto& s : {std::vector<long>{2, 10, 784},
                          {33, 43, 617},
                          {617, 43, 33},
                          {1, 130, 300},
                          {260, 20, 270},
                          {300, 40, 600},
                          {100, 50, 784},
                          {784, 50, 100},
                          {784, 34, 300},
                          {130, 82, 40},
                          {67, 67, 20},
                          {32, 36, 520},
                          {23, 70, 300},
                          {5, 200, 530}}) {
      one_shape<float>(kind, s[0], s[1], s[2]);
      one_shape<double>(kind, s[0], s[1], s[2]);
    }
  }
}

}  // namespace test

// GFLOP/s of the products, against multiply-adds that touch no memory, measured in turn with them; and times of the
// small kernels. The minimum of many repeats: the machine may be shared. PELLUCID_ISA chooses the instruction set.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/table.h"
#include "tests/update_programs.h"

namespace {

using pellucid::Kernels;
using pellucid::Part;
using pellucid::Product;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

long padded(long width) { return (width + 15) / 16 * 16; }

template <class T>
struct Matrix {
  long rows, width, ld;
  T* data;
  Matrix(long rows_, long width_) : rows(rows_), width(width_), ld(padded(width_)) {
    const std::size_t bytes = std::size_t(rows * ld) * sizeof(T);
    data = static_cast<T*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
    for (long i = 0; i < rows * ld; ++i) data[i] = i % ld < width ? T(std::rand() % 1000 - 500) / T(5000) : T(0);
  }
  ~Matrix() { std::free(data); }
  Matrix(const Matrix&) = delete;
};

// Seconds of one call: the least over `repeats` spells of about 300 microseconds.
double least_time(const std::function<void()>& call, int repeats = 60) {
  call();
  double start = now();
  call();
  const double once = now() - start;
  const long calls = long(3e-4 / (once + 1e-9)) + 1;
  double best = 1e9;
  for (int r = 0; r < repeats; ++r) {
    start = now();
    for (long i = 0; i < calls; ++i) call();
    const double each = (now() - start) / double(calls);
    if (each < best) best = each;
  }
  return best;
}

template <class T>
double peak(const Kernels<T>& kernels) {
  long flop = 0;
  const double seconds = least_time([&] { flop = kernels.multiply_adds(2000); });
  return double(flop) / seconds * 1e-9;
}

template <class T>
void product(const Kernels<T>& t, const char* name, Product kind, long m, long n, long k) {
  const bool tn = kind == Product::tn || kind == Product::tn_add || kind == Product::tn_update;
  Matrix<T> a(tn ? k : m, tn ? m : k), b(kind == Product::nt ? n : k, kind == Product::nt ? k : n), c(m, n), s1(m, n),
      s2(m, n), bias(1, n), scratch(1, t.matmul_scratch(kind, m, n, k));
  const T scalars[] = {T(1e-6), 0, 0, T(0.9), T(0.1), T(0.999), T(0.001), T(1e-8), T(1), T(1)};
  const Part all{0, m, 0, n};
  const double seconds = least_time([&] {
    switch (kind) {
      case Product::nn:
        t.matmul_nn(a.data, a.ld, b.data, b.ld, bias.data, c.data, c.ld, m, n, k, all, scratch.data);
        break;
      case Product::nt:
        t.matmul_nt(a.data, a.ld, b.data, b.ld, c.data, c.ld, m, n, k, all, scratch.data);
        break;
      case Product::tn:
        t.matmul_tn(a.data, a.ld, b.data, b.ld, c.data, c.ld, m, n, k, all, scratch.data);
        break;
      case Product::tn_add:
        t.matmul_tn_add(a.data, a.ld, b.data, b.ld, T(1), T(-1e-9), c.data, c.ld, m, n, k, all, scratch.data);
        break;
      case Product::tn_update:
        t.matmul_tn_update(a.data, a.ld, b.data, b.ld, pellucid::UpdateRule::adam, scalars, c.data, s1.data, s2.data,
                           c.ld, m, n, k, all, scratch.data);
    }
  });
  const double top = peak(t), flop = 2.0 * double(m) * double(n) * double(k), rate = flop / seconds * 1e-9;
  const double padded_rate = rate * double(padded(n)) / double(n);
  std::printf("  %-34s %5ld %5ld %5ld %10.2f us %7.1f GFLOP/s %5.1f %%  (with pads %5.1f %%)\n", name, m, n, k,
              seconds * 1e6, rate, 100 * rate / top, 100 * padded_rate / top);
}

template <class T>
void products(const Kernels<T>& t) {
  std::printf(" peak %.1f GFLOP/s; columns: m n k, time, rate, of the peak\n", peak(t));
  product(t, "A affine 1", Product::nn, 10, 30, 784);
  product(t, "A affine 2", Product::nn, 10, 10, 30);
  product(t, "A delta 1", Product::nt, 10, 30, 10);
  product(t, "A weights 1, SGD", Product::tn_add, 784, 30, 10);
  product(t, "A weights 2, SGD", Product::tn_add, 30, 10, 10);
  product(t, "B affine 1", Product::nn, 100, 50, 784);
  product(t, "B affine 2", Product::nn, 100, 10, 50);
  product(t, "B delta 1", Product::nt, 100, 50, 10);
  product(t, "B weights 1, SGD", Product::tn_add, 784, 50, 100);
  product(t, "B weights 2, SGD", Product::tn_add, 50, 10, 100);
  product(t, "C affine 1", Product::nn, 128, 512, 784);
  product(t, "C affine 2", Product::nn, 128, 512, 512);
  product(t, "C affine 3", Product::nn, 128, 10, 512);
  product(t, "C delta 2", Product::nt, 128, 512, 10);
  product(t, "C delta 1", Product::nt, 128, 512, 512);
  product(t, "C weights 1, stored", Product::tn, 784, 512, 128);
  product(t, "C weights 1, SGD", Product::tn_add, 784, 512, 128);
  product(t, "C weights 1, Adam", Product::tn_update, 784, 512, 128);
  product(t, "C weights 2, Adam", Product::tn_update, 512, 512, 128);
  product(t, "C weights 3, Adam", Product::tn_update, 512, 10, 128);
  product(t, "one row, affine", Product::nn, 1, 30, 784);
  product(t, "one row, affine wide", Product::nn, 1, 512, 784);
  product(t, "one row, delta", Product::nt, 1, 30, 10);
  product(t, "one row, delta wide", Product::nt, 1, 512, 512);
  product(t, "one row, weights, SGD", Product::tn_add, 784, 30, 1);
  product(t, "tiny affine", Product::nn, 1, 10, 2);
  product(t, "tiny delta", Product::nt, 1, 10, 1);
  product(t, "tiny weights", Product::tn_add, 2, 10, 1);
  product(t, "odd affine", Product::nn, 33, 43, 617);
  product(t, "odd weights", Product::tn_add, 617, 43, 33);
  product(t, "two rows", Product::nn, 2, 30, 784);
  product(t, "four rows", Product::nn, 4, 30, 784);
  product(t, "13 rows", Product::nn, 13, 100, 784);
  product(t, "square", Product::nn, 1024, 1024, 1024);
  product(t, "square, transposed b", Product::nt, 1024, 1024, 1024);
  product(t, "square, transposed a", Product::tn, 1024, 1024, 1024);
  product(t, "big batch", Product::nn, 4096, 512, 784);
  product(t, "big batch, weights, Adam", Product::tn_update, 784, 512, 4096);
}

template <class T>
void program(const Kernels<T>& t, const char* name, std::vector<pellucid::Instruction> code, long rows, long width) {
  using pellucid::Operand;
  using pellucid::OperandKind;
  Matrix<T> x(rows, width), y(rows, width), z(rows, width), bias(1, width);
  const Operand operands[] = {{OperandKind::full, 0},
                              {OperandKind::full, 0},
                              {OperandKind::full, 0},
                              {OperandKind::row, 0},
                              {OperandKind::constant, 1}};
  T* const data[] = {x.data, y.data, z.data, bias.data, nullptr};
  const pellucid::Program p{code.data(), int(code.size()), operands, 5, 2};
  Matrix<T> scratch(1, t.program_scratch(p, width));
  const double seconds = least_time([&] { t.run_program(p, data, 0, rows, width, scratch.data); });
  std::printf("  %-34s %5ld %5ld %10.1f ns %6.3f ns/element\n", name, rows, width, seconds * 1e9,
              seconds * 1e9 / double(rows * width));
}

template <class T>
void small(const Kernels<T>& t) {
  using pellucid::Op;
  for (long shape : {0, 1, 2, 3}) {
    const long rows = shape == 0   ? 1
                      : shape == 1 ? 10
                      : shape == 2 ? 100
                                   : 128,
               width = shape == 0   ? 30
                       : shape == 1 ? 30
                       : shape == 2 ? 50
                                    : 512;
    program(t, "sigmoid", {{Op::sigmoid, 1, 0, 0, 0}}, rows, width);
    program(t, "relu", {{Op::maximum, 1, 0, 4, 0}}, rows, width);
    program(t, "d·a·(1-a)", {{Op::subtract, 5, 4, 0, 0}, {Op::multiply, 5, 5, 0, 0}, {Op::multiply, 2, 5, 1, 0}}, rows,
            width);
    program(t, "bias, tanh", {{Op::add, 5, 0, 3, 0}, {Op::tanh, 1, 5, 0, 0}}, rows, width);
    program(t, "exp", {{Op::exp, 1, 0, 0, 0}}, rows, width);
    program(t, "log", {{Op::log, 1, 4, 0, 0}}, rows, width);
    program(t, "erf", {{Op::erf, 1, 0, 0, 0}}, rows, width);
  }
  Matrix<T> x(128, 512), out(1, 512), column(128, 1);
  auto report = [](const char* name, double seconds) { std::printf("  %-46s %10.1f ns\n", name, seconds * 1e9); };
  report("sum_rows 128x512", least_time([&] { t.sum_rows(x.data, 128, 512, 0, 512, out.data); }));
  report("sum_columns 128x512", least_time([&] { t.sum_columns(x.data, 0, 128, 512, column.data); }));
  report("max_columns 128x512", least_time([&] { t.max_columns(x.data, 0, 128, 512, column.data); }));
  report("sum_rows 10x30", least_time([&] { t.sum_rows(x.data, 10, 30, 0, 30, out.data); }));
  report("sum_columns 100x10", least_time([&] { t.sum_columns(x.data, 0, 100, 10, column.data); }));
  report("max_columns 100x10", least_time([&] { t.max_columns(x.data, 0, 100, 10, column.data); }));
  std::vector<std::int32_t> labels(128, 3);
  report("count_correct 100x10", least_time([&] { (void)t.count_correct(x.data, 100, 10, labels.data()); }));
  report("all_below 65536", least_time([&] { (void)t.all_below(x.data, 65536, T(1e30)); }));
  std::vector<unsigned char> images(10 * 784, 7);
  Matrix<T> batch(10, 784);
  std::vector<std::uint32_t> index{9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
  report("gather u8 10x784", least_time([&] {
           t.gather_rows(images.data(), pellucid::SourceType::u8, 784, index.data(), 0, 10, 784, 1 / 255.0, batch.data,
                         batch.ld);
         }));
  Matrix<T> source(10, 784);
  const auto same = sizeof(T) == 4 ? pellucid::SourceType::f32 : pellucid::SourceType::f64;
  report("gather same type 10x784", least_time([&] {
           t.gather_rows(source.data, same, 784 * long(sizeof(T)), index.data(), 0, 10, 784, 1.0, batch.data, batch.ld);
         }));
  report("one_hot 10x10", least_time([&] { t.one_hot(labels.data(), index.data(), 0, 10, 10, column.data, 16); }));
  report("dropout_mask 128x512", least_time([&] { t.dropout_mask(x.data, 0, 128, 512, 0.5, 1, 2, 3); }));
  const T scalars[] = {T(1e-6), 0, 0, T(0.9), T(0.1), T(0.999), T(0.001), T(1e-8), T(1), T(1)};
  Matrix<T> w(128, 512), m(128, 512), v(128, 512);
  report("adam 65536", least_time([&] { t.update[5](w.data, x.data, m.data, v.data, 65536, scalars); }));
  report("sgd 65536", least_time([&] { t.update[0](w.data, x.data, nullptr, nullptr, 65536, scalars); }));
}

// An optimizer as a program beside the hand-written Adam, over a vector: time per byte moved, Adam's by its own. A
// value of 1 is as fast per byte, below 1 slower.
template <class T>
void update_program(const Kernels<T>& t, const update_programs::Rule& rule, long rows, long width) {
  std::vector<std::unique_ptr<Matrix<T>>> arrays;
  for (int i = 0; i < 5; ++i) arrays.push_back(std::make_unique<Matrix<T>>(rows, width));
  for (int i = 3; i < 5; ++i)
    for (long j = 0; j < rows * padded(width); ++j) arrays[i]->data[j] = T(1e-3);  // squares are positive
  std::vector<T> numbers(rule.scalars.begin(), rule.scalars.end());
  std::vector<T*> data;
  for (int i = 0; i < 2 + rule.slots; ++i) data.push_back(arrays[i]->data);
  for (T& number : numbers) data.push_back(&number);
  const auto kinds = rule.kinds();
  const pellucid::Program p = rule.program(kinds);
  Matrix<T> scratch(1, t.program_scratch(p, width));
  const T scalars[] = {T(1e-6), 0, 0, T(0.9), T(0.1), T(0.999), T(0.001), T(1e-8), T(1), T(1)};
  const long count = rows * padded(width);
  double own = 1e9, adam = 1e9;
  for (int turn = 0; turn < 5; ++turn) {
    own = std::min(own, least_time([&] { t.run_program(p, data.data(), 0, rows, width, scratch.data); }, 12));
    adam = std::min(
        adam,
        least_time(
            [&] { t.update[5](arrays[0]->data, arrays[1]->data, arrays[2]->data, arrays[3]->data, count, scalars); },
            12));
  }
  const double ratio = (adam / 7) / (own / (3 + 2 * rule.slots));
  std::printf("  %-24s %5ld %5ld %10.2f us, Adam %10.2f us, per byte %5.2f of Adam's speed\n", rule.name, rows, width,
              own * 1e6, adam * 1e6, ratio);
}

// The same within the product that makes the gradient.
template <class T>
void product_program(const Kernels<T>& t, const update_programs::Rule& rule, long m, long n, long k) {
  Matrix<T> a(k, m), b(k, n);
  std::vector<std::unique_ptr<Matrix<T>>> arrays;
  std::vector<T> numbers(rule.scalars.begin(), rule.scalars.end());
  std::vector<T*> data;
  for (int i = 0; i < 5; ++i) {
    arrays.push_back(std::make_unique<Matrix<T>>(m, n));
    if (i > 1)
      for (long j = 0; j < m * padded(n); ++j) arrays[i]->data[j] = T(1e-3);
    if (i < 2 + rule.slots) data.push_back(arrays[i]->data);
  }
  for (T& number : numbers) data.push_back(&number);
  const auto kinds = rule.kinds();
  const pellucid::Program p = rule.program(kinds);
  Matrix<T> scratch(1, t.matmul_tn_program_scratch(p, m, n, k)), own(1, t.matmul_scratch(Product::tn_update, m, n, k));
  const T scalars[] = {T(1e-6), 0, 0, T(0.9), T(0.1), T(0.999), T(0.001), T(1e-8), T(1), T(1)};
  const Part all{0, m, 0, n};
  double program = 1e9, adam = 1e9;
  for (int turn = 0; turn < 5; ++turn) {
    program = std::min(program, least_time(
                                    [&] {
                                      t.matmul_tn_program(a.data, a.ld, b.data, b.ld, p, data.data(), 1, arrays[0]->ld,
                                                          m, n, k, all, scratch.data);
                                    },
                                    12));
    adam = std::min(adam, least_time(
                              [&] {
                                t.matmul_tn_update(a.data, a.ld, b.data, b.ld, pellucid::UpdateRule::adam, scalars,
                                                   arrays[0]->data, arrays[2]->data, arrays[3]->data, arrays[0]->ld, m,
                                                   n, k, all, own.data);
                              },
                              12));
  }
  std::printf("  %-24s in %ldx%ldx%ld %10.2f us, Adam %10.2f us\n", rule.name, m, n, k, program * 1e6, adam * 1e6);
}

template <class T>
void update_programs_of(const Kernels<T>& t) {
  for (const auto& rule : update_programs::all())
    for (const auto& shape : {std::pair<long, long>{30, 10}, {50, 100}, {512, 128}})
      product_program(t, rule, 784, shape.first, shape.second);
  for (const auto& rule : update_programs::all())
    for (const auto& shape : {std::pair<long, long>{128, 64}, {784, 30}, {784, 512}, {4096, 1024}})
      update_program(t, rule, shape.first, shape.second);
}

// bench KIND M N K: one product, KIND of nn nt tn add update.
void one(const Kernels<float>& t, char** argument) {
  const char* names[] = {"nn", "nt", "tn", "add", "update"};
  for (int kind = 0; kind < 5; ++kind)
    if (std::strcmp(argument[1], names[kind]) == 0)
      product(t, names[kind], Product(kind), std::atol(argument[2]), std::atol(argument[3]), std::atol(argument[4]));
}

}  // namespace

int main(int argc, char** argv) {
  const pellucid::KernelTable& table = pellucid::kernels();
  if (argc == 2 && std::strcmp(argv[1], "updates") == 0) {
    update_programs_of(table.f32);
    return 0;
  }
  if (argc == 5) {
    one(table.f32, argv);
    return 0;
  }
  std::printf("%s, float32\n", table.isa);
  products(table.f32);
  small(table.f32);
  if (argc > 1) {
    std::printf("%s, float64\n", table.isa);
    products(table.f64);
    small(table.f64);
  }
  return 0;
}

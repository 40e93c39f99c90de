// The executor for Python: a plan is built call by call, data sets are held, slices of an epoch run without the GIL.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/bindings.h"
#include "run/executor.h"
#include "run/rows_at_once.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace pellucid;

// How long a pass over many rows may go on before Ctrl-C is looked for.
constexpr auto kBetweenSignals = std::chrono::milliseconds(50);

using AnyArray = nb::ndarray<nb::ro, nb::device::cpu>;
using Rows = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

SourceType source_type(const nb::dlpack::dtype& type) {
  const auto is = [&](nb::dlpack::dtype_code code, int bits) {
    return type.code == static_cast<std::uint8_t>(code) && type.bits == bits;
  };
  using Code = nb::dlpack::dtype_code;
  if (is(Code::Float, 32)) return SourceType::f32;
  if (is(Code::Float, 64)) return SourceType::f64;
  if (is(Code::UInt, 8)) return SourceType::u8;
  if (is(Code::Int, 8)) return SourceType::i8;
  if (is(Code::Int, 16)) return SourceType::i16;
  if (is(Code::UInt, 16)) return SourceType::u16;
  if (is(Code::Int, 32)) return SourceType::i32;
  if (is(Code::Int, 64)) return SourceType::i64;
  throw nb::type_error("the array's type cannot be gathered; use float32, float64, uint8 or a signed integer");
}

// A data set's arrays, kept alive, as the executor sees them.
class Data {
 public:
  Data(AnyArray x, nb::object t, nb::object labels, nb::object classes, nb::object weight, double bound) {
    if (x.ndim() == 0) throw nb::value_error("x has no rows");
    view.x_bound = bound;
    view.rows = static_cast<long>(x.shape(0));
    view.x = source(x);
    kept_.push_back(x);
    if (!t.is_none()) {
      AnyArray values = nb::cast<AnyArray>(t);
      if (values.ndim() == 0 || static_cast<long>(values.shape(0)) != view.rows)
        throw nb::value_error("t and x differ in rows");
      view.t = source(values);
      kept_.push_back(values);
    }
    view.labels = column<std::int32_t>(labels);
    view.classes = column<std::int32_t>(classes);
    view.weight = column<double>(weight);
  }

  DataView view;

 private:
  static Source source(const AnyArray& array) {
    long inner = 1;
    for (std::size_t i = array.ndim(); i-- > 1;) {
      if (array.shape(i) != 1 && array.stride(i) != inner)
        throw nb::value_error("the rows of an array must be contiguous in themselves");
      inner *= static_cast<long>(array.shape(i));
    }
    return {array.data(), source_type(array.dtype()), static_cast<long>(array.stride(0) * array.itemsize()), inner};
  }

  template <class U>
  const U* column(nb::object& object) {
    if (object.is_none()) return nullptr;
    auto array = nb::cast<nb::ndarray<const U, nb::ndim<1>, nb::c_contig, nb::device::cpu>>(object);
    if (static_cast<long>(array.shape(0)) != view.rows) throw nb::value_error("a column and x differ in rows");
    kept_.push_back(AnyArray(array));
    return array.data();
  }

  std::vector<AnyArray> kept_;
};

// Totals, for Python.
using TotalsTuple = std::tuple<double, double, long, long>;

Totals totals_of(const TotalsTuple& t) { return {std::get<0>(t), std::get<1>(t), std::get<2>(t), std::get<3>(t)}; }
TotalsTuple tuple_of(const Totals& t) { return {t.loss, t.weight, t.correct, t.rows}; }

template <class T>
class BoundExecutor {
 public:
  using Vector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  using Column = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

  BoundExecutor(const PlanSpec& plan, long max_rows, int threads) : executor_(plan, max_rows, threads) {}

  void bind(Vector parameters, const std::vector<Vector>& slots) {
    std::vector<Flat<T>> flats;
    for (const Vector& slot : slots) flats.push_back(flat_of(slot));
    executor_.bind(flat_of(parameters), flats);
    parameters_ = parameters;
    slots_ = slots;
  }

  std::tuple<long, TotalsTuple> run(const Data& data, const Order* order, long batch_size, long first, long last,
                                    const std::vector<Column>& scalars, TotalsTuple sums) {
    std::vector<const double*> columns;
    long length = std::numeric_limits<long>::max();
    for (const Column& column : scalars) {
      length = std::min(length, static_cast<long>(column.shape(0)));
      columns.push_back(column.data());
    }
    Totals totals = totals_of(sums);
    long done;
    {
      nb::gil_scoped_release release;
      done = executor_.run(data.view, order, batch_size, first, last,
                           {columns.data(), static_cast<int>(columns.size()), length}, totals);
    }
    return {done, tuple_of(totals)};
  }

  // Runs all rows, at most max_rows at a time, and copies a buffer of the batch's rows into `out` (rows, width).
  TotalsTuple run_rows(const Data& data, int buffer, nb::object out, TotalsTuple sums) {
    Totals totals = totals_of(sums);
    T* target = nullptr;
    nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu> kept;
    if (!out.is_none()) {
      kept = nb::cast<nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>>(out);
      const BufferSpec& spec = executor_.plan().buffers.at(buffer);
      if (static_cast<long>(kept.shape(0)) != data.view.rows || static_cast<long>(kept.shape(1)) != spec.width ||
          !spec.of_batch() || spec.positions != 1 || !is_result(buffer))
        throw nb::value_error("out has the wrong shape, or the buffer was not kept");
      target = kept.data();
    }
    nb::gil_scoped_release release;
    auto looked = std::chrono::steady_clock::now();
    for (long start = 0; start < data.view.rows; start += executor_.max_rows()) {
      const auto now = std::chrono::steady_clock::now();
      if (now - looked > kBetweenSignals) {
        nb::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
        looked = now;
      }
      const long rows = std::min(executor_.max_rows(), data.view.rows - start);
      executor_.run_rows(data.view, start, rows, totals);
      if (target) copy(buffer, rows, target + start * executor_.plan().buffers[buffer].width);
    }
    return tuple_of(totals);
  }

  // Copies a buffer that the plan keeps, as the last run_rows left it, into `out` (rows, width).
  void read(int buffer, nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu> out) const {
    const PlanSpec& plan = executor_.plan();
    const long rows = static_cast<long>(out.shape(0));
    if (static_cast<long>(out.shape(1)) != plan.buffers.at(buffer).width || !is_result(buffer) ||
        rows > plan.rows_of(buffer, executor_.max_rows()))
      throw nb::value_error("out has the wrong shape, or the buffer was not kept");
    copy(buffer, rows, out.data());
  }

 private:
  static Flat<T> flat_of(const Vector& vector) { return {vector.data(), static_cast<long>(vector.shape(0))}; }

  // Whether a buffer is still there when the plan has run.
  bool is_result(int buffer) const {
    const PlanSpec& plan = executor_.plan();
    return buffer == plan.output || buffer == plan.loss || buffer == plan.row_losses ||
           std::find(plan.kept.begin(), plan.kept.end(), buffer) != plan.kept.end();
  }

  void copy(int buffer, long rows, T* out) const {
    const long width = executor_.plan().buffers[buffer].width, ld = executor_.leading_dimension(buffer);
    for (long r = 0; r < rows; ++r)
      std::memcpy(out + r * width, executor_.at(buffer) + r * ld, static_cast<std::size_t>(width) * sizeof(T));
  }

  Executor<T> executor_;
  Vector parameters_;
  std::vector<Vector> slots_;
};

// The numbers in the order of the fields of Window, then of Convolution.
Convolution convolution_of(const std::vector<long>& n) {
  if (n.size() != 16) throw nb::value_error("a step over images has 16 numbers");
  const Window window{n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11], n[12]};
  return {window, n[13], n[14], n[15] != 0};
}

// A number of the plan in fewer bits; one that they cannot hold becomes -1, all bits set, which the core refuses.
template <class To, class Bits = To>
To narrow(int number) {
  const bool fits = number >= std::numeric_limits<Bits>::min() && number <= std::numeric_limits<Bits>::max();
  return static_cast<To>(fits ? number : -1);
}

void add_step(PlanSpec& plan, int kind, const std::vector<int>& buffers,
              const std::vector<std::tuple<int, double>>& numbers, int rule, std::uint64_t seed, std::uint32_t purpose,
              const std::vector<std::tuple<int, int, int, int, int>>& code,
              const std::vector<std::tuple<int, double>>& operands, int registers, const std::vector<long>& image) {
  StepSpec step;
  step.kind = static_cast<StepKind>(kind);
  step.buffers = buffers;
  for (const auto& [scalar, constant] : numbers) step.numbers.push_back({scalar, constant});
  step.rule = rule;
  step.seed = seed;
  step.purpose = purpose;
  for (const auto& [op, dst, a, b, c] : code)
    step.code.push_back({narrow<Op, std::uint8_t>(op), narrow<std::int16_t>(dst), narrow<std::int16_t>(a),
                         narrow<std::int16_t>(b), narrow<std::int16_t>(c)});
  for (const auto& [operand, constant] : operands)
    step.operands.push_back({narrow<OperandKind, std::uint8_t>(operand), constant});
  step.registers = registers;
  if (!image.empty()) step.image = convolution_of(image);
  plan.steps.push_back(std::move(step));
}

template <class T>
void bind_executor_of(nb::module_& module, const char* name) {
  nb::class_<BoundExecutor<T>>(module, name)
      .def(nb::init<const PlanSpec&, long, int>(), "plan"_a, "max_rows"_a, "threads"_a)
      .def("bind", &BoundExecutor<T>::bind, "parameters"_a, "slots"_a)
      .def("run", &BoundExecutor<T>::run, "data"_a, "order"_a.none(), "batch_size"_a, "first"_a, "last"_a, "scalars"_a,
           "sums"_a)
      .def("run_rows", &BoundExecutor<T>::run_rows, "data"_a, "buffer"_a, "out"_a.none(), "sums"_a)
      .def("read", &BoundExecutor<T>::read, "buffer"_a, "out"_a);
}

}  // namespace

void bind_executor(nb::module_& module) {
  module.def(
      "instruction_set", [] { return std::string(kernels().isa); },
      "The instruction set of the kernels in use; PELLUCID_ISA overrides the choice before the first use.");
  nb::class_<PlanSpec>(module, "PlanSpec")
      .def(nb::init<>())
      .def(
          "add_buffer",
          [](PlanSpec& plan, long rows, long width, int home, long offset, long positions, bool bytes) {
            plan.buffers.push_back({rows, width, home, offset, positions, bytes});
            return static_cast<int>(plan.buffers.size()) - 1;
          },
          "rows"_a, "width"_a, "home"_a, "offset"_a, "positions"_a, "bytes"_a)
      .def("add_step", &add_step, "kind"_a, "buffers"_a, "numbers"_a, "rule"_a, "seed"_a, "purpose"_a, "code"_a,
           "operands"_a, "registers"_a, "image"_a)
      .def(
          "add_scalar_buffer",
          [](PlanSpec& plan, int buffer, int scalar) { plan.scalar_buffers.push_back({buffer, scalar}); }, "buffer"_a,
          "scalar"_a)
      .def(
          "rows_at_once",
          [](const PlanSpec& plan, long element, long rows, long bytes, double work) {
            return pellucid::rows_at_once(plan, element, {rows, bytes, work});
          },
          "element"_a, "rows"_a, "bytes"_a, "work"_a)
      .def_rw("kept", &PlanSpec::kept)
      .def_rw("watched", &PlanSpec::watched)
      .def_rw("x", &PlanSpec::x)
      .def_rw("t", &PlanSpec::t)
      .def_rw("weight", &PlanSpec::weight)
      .def_rw("output", &PlanSpec::output)
      .def_rw("row_losses", &PlanSpec::row_losses)
      .def_rw("loss", &PlanSpec::loss)
      .def_rw("labels", &PlanSpec::labels)
      .def_rw("threshold", &PlanSpec::threshold)
      .def_rw("first_update", &PlanSpec::first_update)
      .def_rw("bound", &PlanSpec::bound);
  nb::class_<Data>(module, "Data")
      .def(nb::init<AnyArray, nb::object, nb::object, nb::object, nb::object, double>(), "x"_a, "t"_a.none(),
           "labels"_a.none(), "classes"_a.none(), "weight"_a.none(), "bound"_a);
  nb::class_<Order>(module, "Order")
      .def("__init__", [](Order* self, Rows rows) { new (self) Order(rows.data(), rows.shape(0)); }, "rows"_a);
  bind_executor_of<float>(module, "Executor32");
  bind_executor_of<double>(module, "Executor64");
}

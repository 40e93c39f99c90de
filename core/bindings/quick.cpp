// One small call at a time, for online learning and single predictions: where the way through Python would cost more
// than the arithmetic. Each call looks at what it was given; where anything is not as expected it answers None and
// has changed nothing, and the caller takes the long way, which says what is wrong.
//
// The interpreter's lock stays held: releasing it would cost a good part of the call.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "bindings/bindings.h"
#include "run/executor.h"
#include "run/rows_at_once.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace pellucid;

constexpr long kMostRows = 32;

// What more rows leave behind is worth a call of the long way.
constexpr long kMostBytes = 8L << 20;

// A view of a Python object's memory, given back at the end.
class BufferView {
 public:
  explicit BufferView(PyObject* object) : held_(PyObject_GetBuffer(object, &view_, PyBUF_FORMAT | PyBUF_ND) == 0) {
    if (!held_) PyErr_Clear();
  }
  BufferView(const BufferView&) = delete;
  BufferView& operator=(const BufferView&) = delete;
  ~BufferView() {
    if (held_) PyBuffer_Release(&view_);
  }

  bool held() const { return held_; }
  const void* data() const { return view_.buf; }
  void* writable() const { return view_.buf; }
  int dimensions() const { return view_.ndim; }
  long extent(int i) const { return static_cast<long>(view_.shape[i]); }
  long item_size() const { return static_cast<long>(view_.itemsize); }
  // The format's one letter; 0 for structures and foreign byte orders.
  char kind() const { return view_.format && view_.format[0] && !view_.format[1] ? view_.format[0] : '\0'; }

 private:
  Py_buffer view_;
  bool held_;
};

bool numbers(const BufferView& view, SourceType& type) {
  switch (view.kind()) {
    case 'f':
      type = SourceType::f32;
      return true;
    case 'd':
      type = SourceType::f64;
      return true;
    case 'B':
      type = SourceType::u8;
      return true;
    default:
      return false;
  }
}

template <class T>
class Quick {
 public:
  using Vector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  using Column = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

  Quick(const PlanSpec& plan, const std::vector<long>& sample_shape, Vector parameters,
        const std::vector<Vector>& slots)
      : plan_(plan), sample_shape_(sample_shape), parameters_(parameters), slots_(slots) {
    const double any_work = std::numeric_limits<double>::infinity();
    most_rows_ = rows_at_once(plan, sizeof(T), {kMostRows, kMostBytes, any_work});
    for (long extent : sample_shape) width_ *= extent;
  }

 protected:
  // Made at the first call: many a network is never asked for so little.
  Executor<T>& executor() {
    if (!executor_) {
      std::vector<Flat<T>> slots;
      for (const Vector& slot : slots_) slots.push_back(flat_of(slot));
      executor_.emplace(plan_, most_rows_, 1);
      executor_->bind(flat_of(parameters_), slots);
    }
    return *executor_;
  }

  // Whether x is (rows, *sample_shape), contiguous, of a type that can be gathered, and finite.
  bool samples(const BufferView& x, DataView& data) const {
    if (!x.held() || x.dimensions() != static_cast<int>(sample_shape_.size()) + 1) return false;
    const long rows = x.extent(0);
    if (rows < 1 || rows > most_rows_ || !numbers(x, data.x.type)) return false;
    for (std::size_t i = 0; i < sample_shape_.size(); ++i)
      if (x.extent(static_cast<int>(i) + 1) != sample_shape_[i]) return false;
    data.rows = rows;
    data.x.data = x.data();
    data.x.row_stride_bytes = width_ * x.item_size();
    data.x.width = width_;
    return finite(data.x, rows * width_);
  }

  static bool finite(const Source& source, long count) {
    if (source.type == SourceType::f32)
      return kernels().f32.all_below(static_cast<const float*>(source.data), count,
                                     std::numeric_limits<float>::infinity());
    if (source.type == SourceType::f64)
      return kernels().f64.all_below(static_cast<const double*>(source.data), count,
                                     std::numeric_limits<double>::infinity());
    return true;
  }

  PlanSpec plan_;
  std::vector<long> sample_shape_;
  long width_ = 1, most_rows_ = 1;

 private:
  static Flat<T> flat_of(const Vector& vector) { return {vector.data(), static_cast<long>(vector.shape(0))}; }

  Vector parameters_;
  std::vector<Vector> slots_;
  std::optional<Executor<T>> executor_;
};

template <class T>
class QuickPredict : public Quick<T> {
 public:
  // make(rows) returns a new array (rows, *output_shape) of T; make_one() the same for one row.
  QuickPredict(const PlanSpec& plan, const std::vector<long>& sample_shape, typename Quick<T>::Vector parameters,
               nb::object make, nb::object make_one)
      : Quick<T>(plan, sample_shape, parameters, {}), make_(std::move(make)), make_one_(std::move(make_one)) {}

  nb::object predict(nb::handle object) {
    const BufferView x(object.ptr());
    DataView data;
    if (!this->samples(x, data)) return nb::none();
    Totals totals;
    Executor<T>& executor = this->executor();
    executor.run_rows(data, 0, data.rows, totals);
    nb::object y = data.rows == 1 ? make_one_() : make_(data.rows);
    const BufferView out(y.ptr());
    const int output = this->plan_.output;
    const long width = this->plan_.buffers[output].width;
    T* target = static_cast<T*>(out.writable());
    for (long r = 0; r < data.rows; ++r)
      std::copy_n(executor.at(output) + r * executor.leading_dimension(output), width, target + r * width);
    return y;
  }

 private:
  nb::object make_, make_one_;
};

template <class T>
class QuickStep : public Quick<T> {
 public:
  // `scalars`: a column for each run-time scalar of the plan, a row for each step to come. `labels`: t are class
  // numbers below `outputs`, else values (rows, outputs), or (rows,) for one output. `probabilities`: 0 for any
  // values, 1 for values from 0 to 1, 2 for rows of such that sum to 1.
  QuickStep(const PlanSpec& plan, const std::vector<long>& sample_shape, typename Quick<T>::Vector parameters,
            const std::vector<typename Quick<T>::Vector>& slots, const std::vector<typename Quick<T>::Column>& scalars,
            long outputs, int probabilities)
      : Quick<T>(plan, sample_shape, parameters, slots), outputs_(outputs), probabilities_(probabilities) {
    refill(scalars);
  }

  // The scalars of the steps that come next.
  void refill(const std::vector<typename Quick<T>::Column>& scalars) {
    scalars_ = scalars;
    columns_.clear();
    steps_ = scalars_.empty() ? 0 : static_cast<long>(scalars_[0].shape(0));
    for (const auto& column : scalars_) {
      columns_.push_back(column.data());
      steps_ = std::min(steps_, static_cast<long>(column.shape(0)));
    }
    done_ = 0;
  }

  // One update; returns the batch's loss, or None where nothing was done.
  nb::object step(nb::handle samples, nb::handle targets) {
    if (done_ >= steps_) return nb::none();
    const BufferView x(samples.ptr()), t(targets.ptr());
    DataView data;
    if (!this->samples(x, data) || !this->targets(t, data)) return nb::none();
    Totals totals;
    const Scalars scalars{columns_.data(), static_cast<int>(columns_.size()), steps_};
    if (!this->executor().step(data, scalars, done_, totals)) return nb::none();
    ++done_;
    return nb::float_(totals.loss / totals.weight);
  }

 private:
  bool targets(const BufferView& t, DataView& data) {
    if (!t.held() || t.dimensions() < 1 || t.extent(0) != data.rows) return false;
    if (this->plan_.labels) {
      if (t.dimensions() != 1) return false;
      for (long r = 0; r < data.rows; ++r) {
        std::int64_t label;
        if (t.kind() == 'l' && t.item_size() == 8)
          label = static_cast<const std::int64_t*>(t.data())[r];
        else if (t.kind() == 'i' && t.item_size() == 4)
          label = static_cast<const std::int32_t*>(t.data())[r];
        else
          return false;
        if (label < 0 || label >= outputs_) return false;
        labels_[r] = static_cast<std::int32_t>(label);
      }
      data.labels = labels_;
      return true;
    }
    const bool flat = t.dimensions() == 1 && outputs_ == 1;
    if (!flat && (t.dimensions() != 2 || t.extent(1) != outputs_)) return false;
    if (!numbers(t, data.t.type)) return false;
    data.t.data = t.data();
    data.t.row_stride_bytes = outputs_ * t.item_size();
    data.t.width = outputs_;
    return this->finite(data.t, data.rows * outputs_) && fit_the_loss(data);
  }

  // As in engines/data.py, which says in words what is wrong.
  bool fit_the_loss(const DataView& data) const {
    if (probabilities_ == 0) return true;
    for (long r = 0; r < data.rows; ++r) {
      double total = 0;
      for (long k = 0; k < outputs_; ++k) {
        const double value = entry(data.t, r * outputs_ + k);
        if (value < 0 || value > 1) return false;
        total += value;
      }
      if (probabilities_ == 2 && (total < 0.999 || total > 1.001)) return false;
    }
    return true;
  }

  static double entry(const Source& source, long i) {
    if (source.type == SourceType::f32) return static_cast<const float*>(source.data)[i];
    if (source.type == SourceType::f64) return static_cast<const double*>(source.data)[i];
    return static_cast<const std::uint8_t*>(source.data)[i];
  }

  std::vector<typename Quick<T>::Column> scalars_;
  std::vector<const double*> columns_;
  long outputs_;
  int probabilities_;
  long steps_ = 0, done_ = 0;
  std::int32_t labels_[kMostRows] = {};
};

template <class T>
void bind_quick_of(nb::module_& module, const char* predict, const char* step) {
  using Vector = typename Quick<T>::Vector;
  using Column = typename Quick<T>::Column;
  nb::class_<QuickPredict<T>>(module, predict)
      .def(nb::init<const PlanSpec&, const std::vector<long>&, Vector, nb::object, nb::object>(), "plan"_a,
           "sample_shape"_a, "parameters"_a, "make"_a, "make_one"_a)
      .def("predict", &QuickPredict<T>::predict, "x"_a);
  nb::class_<QuickStep<T>>(module, step)
      .def(nb::init<const PlanSpec&, const std::vector<long>&, Vector, const std::vector<Vector>&,
                    const std::vector<Column>&, long, int>(),
           "plan"_a, "sample_shape"_a, "parameters"_a, "slots"_a, "scalars"_a, "outputs"_a, "probabilities"_a)
      .def("step", &QuickStep<T>::step, "x"_a, "t"_a)
      .def("refill", &QuickStep<T>::refill, "scalars"_a);
}

}  // namespace

void bind_quick(nb::module_& module) {
  bind_quick_of<float>(module, "QuickPredict32", "QuickStep32");
  bind_quick_of<double>(module, "QuickPredict64", "QuickStep64");
}

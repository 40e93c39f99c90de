// Update rules, each in one pass over weights, gradient and slots. The formulas are in table.h, beside the scalars.
#include "kernels/families.h"

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

// The scalars of a step, on all lanes.
template <class T>
struct Scalars {
  Lanes<T> of[kUpdateScalars];
  explicit Scalars(const T* scalars) {
    for (int i = 0; i < kUpdateScalars; ++i) of[i] = splat<T>(scalars[i]);
  }
  Lanes<T> operator[](int i) const { return of[i]; }
};

// g + l2·w + l1·sign(w)
template <class T>
PELLUCID_INLINE Lanes<T> regularised(Lanes<T> w, Lanes<T> g, const Scalars<T>& s) {
  const Lanes<T> zero{}, one = splat_constant<T>(1);
  const Lanes<T> sign = w == zero ? zero : copy_sign<T>(one, w);
  return fma(s[2], sign, fma(s[1], w, g));
}

template <class T>
struct Sgd {
  static constexpr int kSlots = 0;
  static constexpr bool kDecays = false;
  static PELLUCID_INLINE void apply(Lanes<T>& w, Lanes<T> g, Lanes<T>&, Lanes<T>&, const Scalars<T>& s) {
    w = fma(negative<T>(s[0]), g, w);
  }
};

template <class T>
struct Momentum {
  static constexpr int kSlots = 1;
  static constexpr bool kDecays = false;
  static PELLUCID_INLINE void apply(Lanes<T>& w, Lanes<T> g, Lanes<T>& v, Lanes<T>&, const Scalars<T>& s) {
    v = fma(negative<T>(s[0]), g, s[3] * v);
    w = w + v;
  }
};

template <class T>
struct Nesterov {
  static constexpr int kSlots = 1;
  static constexpr bool kDecays = false;
  static PELLUCID_INLINE void apply(Lanes<T>& w, Lanes<T> g, Lanes<T>& v, Lanes<T>&, const Scalars<T>& s) {
    v = fma(negative<T>(s[0]), g, s[3] * v);
    w = w + fma(negative<T>(s[0]), g, s[3] * v);
  }
};

template <class T>
struct AdaGrad {
  static constexpr int kSlots = 1;
  static constexpr bool kDecays = false;
  static PELLUCID_INLINE void apply(Lanes<T>& w, Lanes<T> g, Lanes<T>& h, Lanes<T>&, const Scalars<T>& s) {
    h = fma(g, g, h);
    w = w - s[0] * g / (sqrt(h) + s[3]);
  }
};

template <class T>
struct RmsProp {
  static constexpr int kSlots = 1;
  static constexpr bool kDecays = false;
  static PELLUCID_INLINE void apply(Lanes<T>& w, Lanes<T> g, Lanes<T>& h, Lanes<T>&, const Scalars<T>& s) {
    h = fma(s[3], h, s[4] * (g * g));
    w = w - s[0] * g / (sqrt(h) + s[5]);
  }
};

template <class T>
struct Adam {
  static constexpr int kSlots = 2;
  static constexpr bool kDecays = false;
  static PELLUCID_INLINE void apply(Lanes<T>& w, Lanes<T> g, Lanes<T>& m, Lanes<T>& v, const Scalars<T>& s) {
    m = fma(s[3], m, s[4] * g);
    v = fma(s[5], v, s[6] * (g * g));
    w = w - s[0] * m / fma(sqrt(v), s[8], s[7]);
  }
};

template <class T>
struct AdamW : Adam<T> {
  static constexpr bool kDecays = true;
};

template <class T, class Rule>
void block(T* w, const T* g, T* s1, T* s2, long rows, long columns, long ldw, long ldg, const T* scalars) {
  const Scalars<T> s(scalars);
  const bool plain = scalars[1] == T(0) && scalars[2] == T(0);
  for (long row = 0; row < rows; ++row)
    for (long j = 0; j < columns; j += kLanes<T>) {
      const long at = row * ldw + j;
      Lanes<T> weight = load(w + at), slot1{}, slot2{}, gradient = load(g + row * ldg + j);
      if (Rule::kSlots > 0) slot1 = load(s1 + at);
      if (Rule::kSlots > 1) slot2 = load(s2 + at);
      if (Rule::kDecays) weight = weight * s[9];
      // Without regularisation g' = g, but for a gradient of -0: its square and its steps are the same.
      if (!plain) gradient = regularised<T>(weight, gradient, s);
      Rule::apply(weight, gradient, slot1, slot2, s);
      store(w + at, weight);
      if (Rule::kSlots > 0) store(s1 + at, slot1);
      if (Rule::kSlots > 1) store(s2 + at, slot2);
    }
}

template <class T, class Rule>
void row(T* w, const T* g, T* s1, T* s2, long count, const T* scalars) {
  block<T, Rule>(w, g, s1, s2, 1, count, 0, 0, scalars);
}

template <class T, template <class> class Rule>
void add(Kernels<T>& table, UpdateRule rule) {
  table.update[int(rule)] = row<T, Rule<T>>;
}

}  // namespace

template <class T>
UpdateBlock<T> update_block(UpdateRule rule) {
  switch (rule) {
    case UpdateRule::sgd:
      return block<T, Sgd<T>>;
    case UpdateRule::momentum:
      return block<T, Momentum<T>>;
    case UpdateRule::nesterov:
      return block<T, Nesterov<T>>;
    case UpdateRule::adagrad:
      return block<T, AdaGrad<T>>;
    case UpdateRule::rmsprop:
      return block<T, RmsProp<T>>;
    case UpdateRule::adam:
      return block<T, Adam<T>>;
    case UpdateRule::adamw:
      return block<T, AdamW<T>>;
  }
  __builtin_unreachable();
}
template UpdateBlock<float> update_block<float>(UpdateRule);
template UpdateBlock<double> update_block<double>(UpdateRule);

template <class T>
void add_updates(Kernels<T>& table) {
  add<T, Sgd>(table, UpdateRule::sgd);
  add<T, Momentum>(table, UpdateRule::momentum);
  add<T, Nesterov>(table, UpdateRule::nesterov);
  add<T, AdaGrad>(table, UpdateRule::adagrad);
  add<T, RmsProp>(table, UpdateRule::rmsprop);
  add<T, Adam>(table, UpdateRule::adam);
  add<T, AdamW>(table, UpdateRule::adamw);
}
template void add_updates(Kernels<float>&);
template void add_updates(Kernels<double>&);

}  // namespace PELLUCID_ISA
}  // namespace pellucid

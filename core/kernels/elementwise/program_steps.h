// The instructions of a program, compiled to functions that hand eight vectors on in registers: each takes what the one
// before it made, loads what else it needs, and calls the next. What passes between two instructions that follow one
// another never goes to memory, and loads of one round overlap with the arithmetic of the round before.
#pragma once

#include <utility>

#include "kernels/elementwise/elementary.h"
#include "kernels/elementwise/trigonometry.h"
#include "kernels/reduce/magnitude.h"
#include "kernels/table.h"

namespace pellucid {
namespace PELLUCID_ISA {

constexpr int arity(Op op) { return kOpRows[int(op)].reads; }

template <class T, Op op>
PELLUCID_INLINE Lanes<T> apply(Lanes<T> a, Lanes<T> b, Lanes<T> c) {
  const Lanes<T> zero{}, one = splat<T>(T(1));
  if constexpr (op == Op::copy) return a;
  if constexpr (op == Op::negative) return negative<T>(a);
  if constexpr (op == Op::absolute) return absolute<T>(a);
  if constexpr (op == Op::sign) return a == zero || a != a ? a : copy_sign<T>(one, a);
  if constexpr (op == Op::square) return a * a;
  if constexpr (op == Op::sqrt) return sqrt(a);
  if constexpr (op == Op::exp) return exp<T>(a);
  if constexpr (op == Op::expm1) return expm1<T>(a);
  if constexpr (op == Op::log) return log<T>(a);
  if constexpr (op == Op::log1p) return log1p<T>(a);
  if constexpr (op == Op::tanh) return tanh<T>(a);
  if constexpr (op == Op::sigmoid) return sigmoid<T>(a);
  if constexpr (op == Op::softplus) return softplus<T>(a);
  if constexpr (op == Op::erf) return erf<T>(a);
  if constexpr (op == Op::sin) return sin<T>(a);
  if constexpr (op == Op::cos) return cos<T>(a);
  if constexpr (op == Op::add) return a + b;
  if constexpr (op == Op::subtract) return a - b;
  if constexpr (op == Op::multiply) return a * b;
  if constexpr (op == Op::divide) return a / b;
  if constexpr (op == Op::maximum) return maximum<T>(a, b);
  if constexpr (op == Op::minimum) return minimum<T>(a, b);
  if constexpr (op == Op::greater) return a > b ? one : zero;
  if constexpr (op == Op::greater_equal) return a >= b ? one : zero;
  if constexpr (op == Op::fma) return fma(a, b, c);
  if constexpr (op == Op::where) return a != zero ? b : c;
  if constexpr (op == Op::multiply_greater) return c * (a > b ? one : zero);
}

// Whether an op is a function of elementary.h or trigonometry.h: so long that its operands need no care.
constexpr bool elementary(Op op) {
  constexpr Op all[] = {Op::exp,     Op::expm1,    Op::log, Op::log1p, Op::tanh,
                        Op::sigmoid, Op::softplus, Op::erf, Op::sin,   Op::cos};
  for (const Op one : all)
    if (op == one) return true;
  return false;
}
constexpr bool commutes(Op op) { return op == Op::add || op == Op::multiply || op == Op::fma; }

constexpr int kHanded = 8;  // vectors that calling conventions pass in registers, on every processor we know
template <class T>
constexpr long kTile = kHanded * kLanes<T>;

// Where an instruction finds an operand: in what it was handed, in memory, or one vector for all.
enum class From { handed, memory, held };

// The forms that an instruction is compiled in. Those that are missing take held vectors from memory, where they lie
// kHanded times, and what would be handed from where the instruction before stored it. Of two operands that commute,
// the one that comes first in From is the first.
constexpr bool has_form(Op op, From a, From b, From c) {
  const bool one_handed = (a == From::handed) + (b == From::handed) + (c == From::handed) <= 1;
  if (arity(op) == 1) return a != From::held && b == From::memory && c == From::memory;
  if (arity(op) == 2 && c != From::memory) return false;
  if (commutes(op)) return a <= b && a != From::held;
  if (op == Op::subtract || op == Op::divide) return one_handed && !(a == From::held && b == From::held);
  if (op == Op::where || op == Op::multiply_greater)
    return one_handed && a != From::held && b != From::handed && c != From::held;
  return one_handed && a != From::held;
}

template <class T>
struct Step {
  using V = Lanes<T>;
  using Run = void (*)(const Step*, long, V, V, V, V, V, V, V, V);
  Run run[2];  // over kTile elements, and over 16
  const T *a, *b, *c;
  T* dst;                                     // null where what is made is handed on, and not read again
  long a_moves, b_moves, c_moves, dst_moves;  // all bits, or none where the operand is the same at every place
  Sizes<T>* sizes;                            // null where nobody watches
};

template <class T, From from>
PELLUCID_INLINE Lanes<T> find(const T* p, Lanes<T> handed, Lanes<T> held, int v) {
  if constexpr (from == From::handed) return handed;
  if constexpr (from == From::held) return held;
  if constexpr (from == From::memory) return load(p + v * kLanes<T>);
}

// An instruction in one of its forms.
template <Op of, From from_a, From from_b = From::memory, From from_c = From::memory>
struct Part {
  static constexpr Op op = of;
  static constexpr From a = from_a, b = from_b, c = from_c;
  static constexpr int key = int(of) * 27 + int(from_a) * 9 + int(from_b) * 3 + int(from_c);
};

// N of the vectors; the others stay as they are.
template <class T, class P, int N>
PELLUCID_INLINE void perform(const Step<T>* s, long at, Lanes<T> (&x)[kHanded]) {
  constexpr Op op = P::op;
  const T* a = s->a + (at & s->a_moves);
  const T* b = arity(op) > 1 ? s->b + (at & s->b_moves) : a;
  const T* c = arity(op) > 2 ? s->c + (at & s->c_moves) : a;
  Lanes<T> held_a{}, held_b{}, held_c{};
  if constexpr (P::a == From::held) held_a = load(a);
  if constexpr (P::b == From::held) held_b = load(b);
  if constexpr (P::c == From::held) held_c = load(c);
  const auto one = [&](int v) PELLUCID_LAMBDA {
    const Lanes<T> first = find<T, P::a>(a, x[v], held_a, v);
    Lanes<T> second = first, third = first;
    if constexpr (arity(op) > 1) second = find<T, P::b>(b, x[v], held_b, v);
    if constexpr (arity(op) > 2) third = find<T, P::c>(c, x[v], held_c, v);
    x[v] = apply<T, op>(first, second, third);
  };
  if constexpr (elementary(op)) {
#pragma GCC unroll 1
    for (int v = 0; v < N; ++v) one(v);
  } else {
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) one(v);
  }
  if (s->dst) {
    T* dst = s->dst + (at & s->dst_moves);
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) store(dst + v * kLanes<T>, x[v]);
    if (s->sizes)
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) s->sizes->add(x[v]);
  }
}

// One instruction or several that follow one another: a jump from one to the next costs as much as eight vectors' sums.
template <class T, int N, class... Parts>
void steps(const Step<T>* s, long at, Lanes<T> v0, Lanes<T> v1, Lanes<T> v2, Lanes<T> v3, Lanes<T> v4, Lanes<T> v5,
           Lanes<T> v6, Lanes<T> v7) {
  Lanes<T> x[kHanded] = {v0, v1, v2, v3, v4, v5, v6, v7};
  (perform<T, Parts, N>(s++, at, x), ...);
  return s->run[N != kHanded](s, at, x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]);
}

template <class T>
void stop(const Step<T>*, long, Lanes<T>, Lanes<T>, Lanes<T>, Lanes<T>, Lanes<T>, Lanes<T>, Lanes<T>, Lanes<T>) {}

template <class T>
struct Form {
  typename Step<T>::Run run[2];
  int given_up;  // bit i: operand i is in memory after all
  int key;       // the part's
};

// The nearest form that there is: rather with fewer held than with fewer handed on.
constexpr int nearest_form(Op op, From a, From b, From c) {
  int best = 7, least = 100;
  for (int given_up = 0; given_up < 8; ++given_up) {
    int cost = 0;
    const From asked[] = {a, b, c};
    From have[] = {a, b, c};
    for (int i = 0; i < 3; ++i)
      if (given_up >> i & 1) {
        have[i] = From::memory;
        cost += asked[i] == From::handed ? 4 : asked[i] == From::held ? 1 : 0;
      }
    if (cost < least && has_form(op, have[0], have[1], have[2])) least = cost, best = given_up;
  }
  return best;
}
template <class T, Op op, int index>
constexpr Form<T> form() {
  constexpr From a = From(index / 9), b = From(index / 3 % 3), c = From(index % 3);
  constexpr int given_up = nearest_form(op, a, b, c);
  using P = Part<op, given_up & 1 ? From::memory : a, given_up & 2 ? From::memory : b, given_up & 4 ? From::memory : c>;
  return {{steps<T, kHanded, P>, steps<T, kVectors<T>, P>}, given_up, P::key};
}

template <class T>
struct Forms {
  Form<T> of[27];
};
template <class T, Op op, int... index>
constexpr Forms<T> forms(std::integer_sequence<int, index...>) {
  return {{form<T, op, index>()...}};
}
template <class T, int... ops>
const Forms<T>& choose_forms(Op op, std::integer_sequence<int, ops...>) {
  static constexpr Forms<T> all[] = {forms<T, Op(ops)>(std::make_integer_sequence<int, 27>{})...};
  return all[int(op)];
}
template <class T>
const Form<T>& form_of(Op op, From a, From b, From c) {
  return choose_forms<T>(op, std::make_integer_sequence<int, kOps>{}).of[int(a) * 9 + int(b) * 3 + int(c)];
}

// ---- instructions that are often together, in optimizers above all ------------------------------------------------

constexpr int kLongestChain = 4;
template <class T>
struct Chain {
  typename Step<T>::Run run[2];
  int length;
  int keys[kLongestChain];
};
template <class T, class... Parts>
constexpr Chain<T> chain() {
  return {{steps<T, kHanded, Parts...>, steps<T, kVectors<T>, Parts...>}, int(sizeof...(Parts)), {Parts::key...}};
}

constexpr From kIn = From::handed, kAt = From::memory, kOf = From::held;
using Scaled = Part<Op::multiply, kAt, kOf>;      // s·p
using Rescaled = Part<Op::multiply, kIn, kOf>;    // s·x
using PlusScaled = Part<Op::fma, kAt, kOf, kIn>;  // s·p + x
using PlusAt = Part<Op::add, kIn, kAt>;           // x + p
using TakenFrom = Part<Op::subtract, kAt, kIn>;   // p - x
using Over = Part<Op::divide, kIn, kAt>;          // x / p
using LargerThan = Part<Op::maximum, kIn, kAt>;   // max(x, p)
using Square = Part<Op::square, kAt>;             // p²
using Sign = Part<Op::sign, kIn>;                 // sign(x)
using Root = Part<Op::sqrt, kIn>;                 // sqrt(x)
using RootAt = Part<Op::sqrt, kAt>;               // sqrt(p)
using InLine = Part<Op::fma, kIn, kOf, kOf>;      // x·s + r
using Above = Part<Op::add, kIn, kOf>;            // x + s

// The longest of them that the keys begin with, or null.
template <class T>
const Chain<T>* chain_of(const int* keys, int count) {
  static constexpr Chain<T> all[] = {
      chain<T, Sign, PlusScaled, Rescaled, TakenFrom>(),
      chain<T, Scaled, Over, TakenFrom>(),
      chain<T, Square, Rescaled, PlusScaled>(),
      chain<T, Rescaled, Over, TakenFrom>(),
      chain<T, Scaled, PlusScaled>(),
      chain<T, Rescaled, PlusScaled>(),
      chain<T, Scaled, PlusAt>(),
      chain<T, Rescaled, PlusAt>(),
      chain<T, Rescaled, TakenFrom>(),
      chain<T, Scaled, LargerThan>(),
      chain<T, Over, TakenFrom>(),
      chain<T, Root, InLine>(),
      chain<T, Root, Above>(),
      chain<T, RootAt, InLine>(),
      chain<T, RootAt, Above>(),
  };
  for (const Chain<T>& one : all) {
    bool same = one.length <= count;
    for (int i = 0; same && i < one.length; ++i) same = keys[i] == one.keys[i];
    if (same) return &one;
  }
  return nullptr;
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid

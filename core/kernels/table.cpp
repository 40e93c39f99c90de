// The table of this instruction set, and the one place that knows every family.
#include "kernels/families.h"

#define PELLUCID_TEXT_OF(x) #x
#define PELLUCID_TEXT(x) PELLUCID_TEXT_OF(x)

namespace pellucid {
namespace PELLUCID_ISA {
namespace {

template <class T>
void fill(Kernels<T>& table) {
  add_matmul(table);
  add_matmul_update(table);
  add_updates(table);
  add_elementwise(table);
  add_reductions(table);
  add_gather(table);
  add_rows_by_value(table);
  add_positions(table);
  add_random(table);
  add_convolution(table);
  add_pooling(table);
  add_image_layout(table);
  add_peak(table);
}

}  // namespace

void fill_table(KernelTable& table) {
  table.isa = PELLUCID_TEXT(PELLUCID_ISA);
  fill(table.f32);
  fill(table.f64);
}

}  // namespace PELLUCID_ISA
}  // namespace pellucid

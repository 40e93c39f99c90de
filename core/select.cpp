// The choice of the instruction set, once per process.
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/table.h"

namespace pellucid {

#if PELLUCID_HAVE_BASELINE
namespace baseline {
void fill_table(KernelTable& table);
}
#endif
#if PELLUCID_HAVE_AVX2
namespace avx2 {
void fill_table(KernelTable& table);
}
#endif
#if PELLUCID_HAVE_AVX512
namespace avx512 {
void fill_table(KernelTable& table);
}
#endif
#if PELLUCID_HAVE_NEON
namespace neon {
void fill_table(KernelTable& table);
}
#endif

namespace {

struct InstructionSet {
  const char* name;
  void (*fill)(KernelTable&);
  bool supported;
};

// Every set that was built, the best first; returns how many.
int built(InstructionSet* sets) {
  int count = 0;
#if PELLUCID_HAVE_AVX2 || PELLUCID_HAVE_AVX512
  __builtin_cpu_init();
#endif
#if PELLUCID_HAVE_AVX512
  sets[count++] = {"avx512", avx512::fill_table,
                   __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                       __builtin_cpu_supports("fma")};
#endif
#if PELLUCID_HAVE_AVX2
  sets[count++] = {"avx2", avx2::fill_table, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")};
#endif
#if PELLUCID_HAVE_NEON
  sets[count++] = {"neon", neon::fill_table, true};
#endif
#if PELLUCID_HAVE_BASELINE
  sets[count++] = {"baseline", baseline::fill_table, true};
#endif
  return count;
}

std::string refusal(const char* wanted, const InstructionSet* sets, int count) {
  std::string text = std::string("PELLUCID_ISA is '") + wanted + "', which this ";
  bool known = false;
  for (int i = 0; i < count; ++i) known = known || std::strcmp(sets[i].name, wanted) == 0;
  text += known ? "processor does not support" : "build does not have";
  text += "; leave it unset or choose one of:";
  for (int i = 0; i < count; ++i)
    if (sets[i].supported) text += std::string(" ") + sets[i].name;
  return text + ".";
}

KernelTable choose() {
  InstructionSet sets[4];
  const int count = built(sets);
  const char* wanted = std::getenv("PELLUCID_ISA");
  const bool free_choice = wanted == nullptr || *wanted == '\0';
  for (int i = 0; i < count; ++i)
    if (sets[i].supported && (free_choice || std::strcmp(sets[i].name, wanted) == 0)) {
      KernelTable table{};
      sets[i].fill(table);
      return table;
    }
  throw std::runtime_error(refusal(wanted, sets, count));
}

}  // namespace

const KernelTable& kernels() {
  static const KernelTable table = choose();
  return table;
}

}  // namespace pellucid

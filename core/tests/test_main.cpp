// Runs every test of the kernels, on every instruction set of this machine. The last line is "N passed, N failed".
#include "tests/check.h"

namespace pellucid {
#define PELLUCID_DECLARE(isa)          \
  namespace isa {                      \
  void fill_table(KernelTable& table); \
  }
#if PELLUCID_HAVE_BASELINE
PELLUCID_DECLARE(baseline)
#endif
#if PELLUCID_HAVE_AVX2
PELLUCID_DECLARE(avx2)
#endif
#if PELLUCID_HAVE_AVX512
PELLUCID_DECLARE(avx512)
#endif
#if PELLUCID_HAVE_NEON
PELLUCID_DECLARE(neon)
#endif
}  // namespace pellucid

namespace test {

const std::vector<pellucid::KernelTable>& tables() {
  static const std::vector<pellucid::KernelTable> all = [] {
    std::vector<pellucid::KernelTable> found;
    auto add = [&](void (*fill)(pellucid::KernelTable&)) {
      pellucid::KernelTable table{};
      fill(table);
      found.push_back(table);
    };
#if PELLUCID_HAVE_BASELINE
    add(pellucid::baseline::fill_table);
#endif
#if PELLUCID_HAVE_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) add(pellucid::avx2::fill_table);
#endif
#if PELLUCID_HAVE_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) add(pellucid::avx512::fill_table);
#endif
#if PELLUCID_HAVE_NEON
    add(pellucid::neon::fill_table);
#endif
    return found;
  }();
  return all;
}

}  // namespace test

// tests [NAME...]: all families, or those named.
int main(int argc, char** argv) {
  const struct {
    const char* name;
    void (*run)();
  } families[] = {{"matmul", test::test_matmul},
                  {"updates", test::test_updates},
                  {"elementwise", test::test_elementwise},
                  {"elementary", test::test_elementary},
                  {"reductions", test::test_reductions},
                  {"gather", test::test_gather},
                  {"random", test::test_random},
                  {"threads", test::test_threads},
                  {"pooling", test::test_pooling},
                  {"image_layout", test::test_image_layout},
                  {"convolution", test::test_convolution},
                  {"arena", test::test_arena},
                  {"plans", test::test_plans},
                  {"update_programs", test::test_update_programs},
                  {"trigonometry", test::test_trigonometry},
                  {"rows_by_value", test::test_rows_by_value},
                  {"positions", test::test_positions}};
  std::printf("instruction sets:");
  for (const auto& table : test::tables()) std::printf(" %s", table.isa);
  std::printf("; chosen: %s\n", pellucid::kernels().isa);
  for (const auto& family : families) {
    bool wanted = argc == 1;
    for (int i = 1; i < argc; ++i) wanted = wanted || std::strcmp(argv[i], family.name) == 0;
    if (wanted) family.run();
  }
  std::printf("%ld passed, %ld failed\n", test::tally().passed, test::tally().failed);
  return test::tally().failed != 0;
}

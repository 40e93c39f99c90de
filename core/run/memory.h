// The executor's memory: where each buffer of a plan lies, and what the threads and the steps of stretches have to work
// with. One block, laid out once.
#pragma once

#include <memory>
#include <vector>

#include "plan/plan.h"
#include "run/arena.h"
#include "run/stretches.h"

namespace pellucid {

// What a step keeps through a stretch, in elements: where its filters lie in the order that its kernel reads, and the
// sums of its strands.
struct Kept {
  long filters = 0, sums = 0, sums_size = 0;
};

// How much there is of everything, in elements.
struct MemorySizes {
  Arena arena;
  std::vector<Kept> kept;  // of each step
  long all_kept, scratch;
  double bytes;  // of all
};

template <class T>
MemorySizes memory_sizes(const PlanSpec& plan, const std::vector<Stretch>& stretches, long max_rows, int threads);

template <class T>
class Memory {
 public:
  // Throws std::bad_alloc where memory is short.
  Memory(const PlanSpec& plan, const std::vector<Stretch>& stretches, long max_rows, int threads);

  // Where the buffers of the flat vectors lie: flats[home - 1].
  void bind(const PlanSpec& plan, const std::vector<T*>& flats);

  T* base(int buffer) const { return base_[static_cast<std::size_t>(buffer)]; }
  // Of a buffer that is local to a stretch, in the thread's own memory; -1 for others.
  long local_offset(int buffer) const { return sizes_.arena.local_offsets[static_cast<std::size_t>(buffer)]; }
  // A thread's scratch, and behind it what is local to a stretch.
  T* scratch(int thread) const { return scratch_ + thread * (sizes_.scratch + sizes_.arena.local_size); }
  T* local(int thread) const { return scratch(thread) + sizes_.scratch; }
  const Kept& kept_of(long step) const { return sizes_.kept[static_cast<std::size_t>(step)]; }
  T* kept(long offset) const { return kept_ + offset; }

 private:
  struct FreeDeleter {
    void operator()(void* pointer) const;
  };

  MemorySizes sizes_;
  std::vector<T*> base_;
  std::unique_ptr<T, FreeDeleter> block_;
  T* kept_ = nullptr;
  T* scratch_ = nullptr;
};

}  // namespace pellucid

#include "arena.h"

#include <algorithm>

namespace pellucid {
namespace {

// The first and the last step that a buffer must last for; -1 is before all steps, their number is after all.
struct Life {
  long first, last;

  bool used() const { return first <= last; }
  bool overlaps(const Life& other) const { return other.first <= last && first <= other.last; }
};

std::vector<Life> lives_of(const PlanSpec& plan) {
  const long end = static_cast<long>(plan.steps.size());
  std::vector<Life> lives(plan.buffers.size(), Life{end + 1, -1});
  const auto touch = [&](int buffer, long when) {
    if (buffer < 0) return;
    lives[buffer].first = std::min(lives[buffer].first, when);
    lives[buffer].last = std::max(lives[buffer].last, when);
  };
  for (long i = 0; i < end; ++i)
    for (int buffer : plan.steps[i].buffers) touch(buffer, i);
  for (int buffer : {plan.x, plan.t, plan.weight}) touch(buffer, -1);
  for (const ScalarBuffer& scalar : plan.scalar_buffers) touch(scalar.buffer, -1);
  for (int buffer : plan.watched) touch(buffer, std::max(plan.first_update, 0));
  for (int buffer : {plan.weight, plan.output, plan.row_losses, plan.loss}) touch(buffer, end);
  for (int buffer : plan.kept) touch(buffer, end);
  return lives;
}

// Where things of some size go, so that those that live at the same time do not overlap: the first gap that fits.
class Places {
 public:
  long add(long size, const Life& life) {
    std::sort(placed_.begin(), placed_.end(), [](const Placed& a, const Placed& b) { return a.offset < b.offset; });
    long offset = 0;
    for (const Placed& other : placed_)
      if (life.overlaps(other.life) && other.offset < offset + size)
        offset = std::max(offset, other.offset + other.size);
    placed_.push_back({offset, size, life});
    end_ = std::max(end_, offset + size);
    return offset;
  }
  long end() const { return end_; }

 private:
  struct Placed {
    long offset, size;
    Life life;
  };
  std::vector<Placed> placed_;
  long end_ = 0;
};

long elements_of(const BufferSpec& buffer, long samples, long element) {
  const long count = (buffer.rows ? buffer.rows : samples * buffer.positions) * padded(buffer.width);
  return buffer.bytes ? padded((count + element - 1) / element) : count;
}

}  // namespace

Arena lay_out_arena(const PlanSpec& plan, const std::vector<Group>& groups, long max_rows, long element) {
  std::vector<Life> lives = lives_of(plan);
  const std::size_t count = plan.buffers.size();
  Arena arena{std::vector<long>(count, -1), std::vector<long>(count, -1), 0, 0};
  const auto placeable = [&](std::size_t buffer) {
    return plan.buffers[buffer].home == static_cast<int>(Home::arena) && lives[buffer].used();
  };
  for (const Group& group : groups) {
    const Life whole{group.first, group.last - 1};
    Places local;
    for (std::size_t buffer = 0; buffer < count; ++buffer) {
      Life& life = lives[buffer];
      if (!placeable(buffer) || !life.overlaps(whole)) continue;
      if (plan.buffers[buffer].rows == 0 && life.first >= whole.first && life.last <= whole.last) {
        arena.local_offsets[buffer] = local.add(elements_of(plan.buffers[buffer], group.block, element), life);
      } else {
        // The group's steps take turns, sample after sample: what one of them needs must last through all of them.
        life = {std::min(life.first, whole.first), std::max(life.last, whole.last)};
      }
    }
    arena.local_size = std::max(arena.local_size, local.end());
  }
  Places shared;
  for (std::size_t buffer = 0; buffer < count; ++buffer)
    if (placeable(buffer) && arena.local_offsets[buffer] < 0)
      arena.offsets[buffer] = shared.add(elements_of(plan.buffers[buffer], max_rows, element), lives[buffer]);
  arena.size = shared.end();
  return arena;
}

}  // namespace pellucid

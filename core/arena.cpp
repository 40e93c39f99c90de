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

// Whether a program may write one operand where another lies: nothing reads that one once this one is being written.
// A field that an op does not need counts as read; the lowering repeats another one there.
bool may_replace(const StepSpec& program, int from, int to) {
  const auto is = [&](int operand, int buffer) {
    return operand < static_cast<int>(program.operands.size()) && program.buffers[operand] == buffer &&
           program.operands[operand].kind != OperandKind::constant;
  };
  for (std::size_t i = 0; i < program.operands.size(); ++i)
    if (is(static_cast<int>(i), from) && program.operands[i].kind != OperandKind::full) return false;
  bool written = false;
  for (const Instruction& step : program.code) {
    if (written && (is(step.a, from) || is(step.b, from) || is(step.c, from))) return false;
    written = written || is(step.dst, to);
  }
  return written;
}

bool same_extent(const BufferSpec& a, const BufferSpec& b) {
  return a.rows == b.rows && a.width == b.width && a.positions == b.positions && a.bytes == b.bytes;
}

bool is_heir(const std::vector<int>& heirs, int buffer) {
  return std::find(heirs.begin(), heirs.end(), buffer) != heirs.end();
}

// For each buffer the one that a program puts in its place when nobody needs it any more, or -1. `free(b)` says whether
// a buffer is laid out with those of the whole batch.
template <class Free>
std::vector<int> find_heirs(const PlanSpec& plan, const std::vector<Group>& groups, const std::vector<Life>& lives,
                            const Free& free) {
  std::vector<int> heirs(plan.buffers.size(), -1);
  for (long i = 0; i < static_cast<long>(plan.steps.size()); ++i) {
    const StepSpec& step = plan.steps[i];
    if (step.kind != StepKind::program || in_a_group(groups, i)) continue;
    for (int to : step.buffers) {
      if (!free(to) || lives[to].first != i || is_heir(heirs, to)) continue;
      const auto from = std::find_if(step.buffers.begin(), step.buffers.end(), [&](int buffer) {
        return free(buffer) && lives[buffer].first < i && lives[buffer].last == i && heirs[buffer] < 0 &&
               same_extent(plan.buffers[buffer], plan.buffers[to]) && may_replace(step, buffer, to);
      });
      if (from != step.buffers.end()) heirs[*from] = to;
    }
  }
  return heirs;
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
  const auto free = [&](std::size_t buffer) { return placeable(buffer) && arena.local_offsets[buffer] < 0; };
  const std::vector<int> heirs = find_heirs(plan, groups, lives, free);
  Places shared;
  for (std::size_t buffer = 0; buffer < count; ++buffer) {
    if (!free(buffer) || is_heir(heirs, static_cast<int>(buffer))) continue;
    Life whole = lives[buffer];
    for (int heir = heirs[buffer]; heir >= 0; heir = heirs[heir]) whole.last = lives[heir].last;
    const long offset = shared.add(elements_of(plan.buffers[buffer], max_rows, element), whole);
    for (int heir = static_cast<int>(buffer); heir >= 0; heir = heirs[heir]) arena.offsets[heir] = offset;
  }
  arena.size = shared.end();
  return arena;
}

}  // namespace pellucid

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

}  // namespace

Arena lay_out_arena(const PlanSpec& plan, long max_rows) {
  struct Placed {
    long offset, size;
    Life life;
  };
  const std::vector<Life> lives = lives_of(plan);
  std::vector<Placed> placed;
  Arena arena{std::vector<long>(plan.buffers.size(), -1), 0};
  for (std::size_t buffer = 0; buffer < plan.buffers.size(); ++buffer) {
    const BufferSpec& spec = plan.buffers[buffer];
    if (spec.home != static_cast<int>(Home::arena) || !lives[buffer].used()) continue;
    const long size = (spec.rows ? spec.rows : max_rows) * padded(spec.width);
    std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) { return a.offset < b.offset; });
    long offset = 0;
    for (const Placed& other : placed)
      if (lives[buffer].overlaps(other.life) && other.offset < offset + size)
        offset = std::max(offset, other.offset + other.size);
    placed.push_back({offset, size, lives[buffer]});
    arena.offsets[buffer] = offset;
    arena.size = std::max(arena.size, offset + size);
  }
  return arena;
}

}  // namespace pellucid

#include "run/arena.h"

#include <algorithm>

#include "run/places.h"

namespace pellucid {
namespace {

// A life counts steps; -1 is before all of them, their number is after all.
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

// For each buffer the one that a program puts in its place when nobody needs it any more, or -1; and whether it is put
// into another one's place itself.
struct Heirs {
  std::vector<int> of;
  std::vector<bool> is_heir;
};

// `alone(step)` says whether a step is in no stretch, `free(b)` whether a buffer is laid out with those of the batch.
template <class Alone, class Free>
Heirs find_heirs(const PlanSpec& plan, const std::vector<Life>& lives, const Alone& alone, const Free& free) {
  Heirs heirs{std::vector<int>(plan.buffers.size(), -1), std::vector<bool>(plan.buffers.size(), false)};
  for (long i = 0; i < static_cast<long>(plan.steps.size()); ++i) {
    const StepSpec& step = plan.steps[i];
    if (step.kind != StepKind::elementwise || !alone(i)) continue;
    for (int to : step.buffers) {
      if (!free(to) || lives[to].first != i || heirs.is_heir[to]) continue;
      const auto from = std::find_if(step.buffers.begin(), step.buffers.end(), [&](int buffer) {
        return free(buffer) && lives[buffer].first < i && lives[buffer].last == i && heirs.of[buffer] < 0 &&
               same_extent(plan.buffers[buffer], plan.buffers[to]) && may_replace(step, buffer, to);
      });
      if (from == step.buffers.end()) continue;
      heirs.of[*from] = to;
      heirs.is_heir[to] = true;
    }
  }
  return heirs;
}

// The first stretch that ends behind a step; one behind the last where there is none.
std::size_t stretch_at(const std::vector<Stretch>& stretches, long step) {
  const auto found = std::upper_bound(stretches.begin(), stretches.end(), step,
                                      [](long at, const Stretch& stretch) { return at < stretch.last; });
  return static_cast<std::size_t>(found - stretches.begin());
}

// The last step of a stretch as what must last through all of it sees it: its steps take turns, sample after sample.
Life whole_of(const Stretch& stretch) { return {stretch.first, stretch.last - 1}; }

// Lays out what is local to a stretch, and has the lives of everything else last through the stretches that they touch.
void lay_out_local(const PlanSpec& plan, const std::vector<Stretch>& stretches, long element, std::vector<Life>& lives,
                   Arena& arena) {
  std::vector<Places> places;
  for (const Stretch& stretch : stretches) places.emplace_back(stretch.first, stretch.last - 1);
  for (std::size_t i = 0; i < lives.size(); ++i) {
    const BufferSpec& buffer = plan.buffers[i];
    Life& life = lives[i];
    if (!buffer.in_arena() || !life.used()) continue;
    const std::size_t first = stretch_at(stretches, life.first), last = stretch_at(stretches, life.last);
    const Life given = life;
    const auto touches = [&](std::size_t at) {
      return at < stretches.size() && given.overlaps(whole_of(stretches[at]));
    };
    if (touches(first)) {
      const Stretch& stretch = stretches[first];
      const Life whole = whole_of(stretch);
      if (buffer.of_batch() && given.first >= whole.first && given.last <= whole.last) {
        arena.local_offsets[i] = places[first].add(elements_of(buffer, stretch.block, element), given);
        continue;
      }
      life.first = std::min(life.first, whole.first);
    }
    if (touches(last)) life.last = std::max(life.last, whole_of(stretches[last]).last);
  }
  for (const Places& local : places) arena.local_size = std::max(arena.local_size, local.end());
}

}  // namespace

Arena lay_out_arena(const PlanSpec& plan, const std::vector<Stretch>& stretches, long max_rows, long element) {
  std::vector<Life> lives = lives_of(plan);
  const std::size_t count = plan.buffers.size();
  const long steps = static_cast<long>(plan.steps.size());
  Arena arena{std::vector<long>(count, -1), std::vector<long>(count, -1), 0, 0};
  lay_out_local(plan, stretches, element, lives, arena);
  const auto free = [&](std::size_t buffer) {
    return plan.buffers[buffer].in_arena() && lives[buffer].used() && arena.local_offsets[buffer] < 0;
  };
  const auto alone = [&](long step) {
    const std::size_t at = stretch_at(stretches, step);
    return at == stretches.size() || step < stretches[at].first;
  };
  const Heirs heirs = find_heirs(plan, lives, alone, free);
  Places shared(-1, steps);
  for (std::size_t buffer = 0; buffer < count; ++buffer) {
    if (!free(buffer) || heirs.is_heir[buffer]) continue;
    Life whole = lives[buffer];
    for (int heir = heirs.of[buffer]; heir >= 0; heir = heirs.of[heir]) whole.last = lives[heir].last;
    const long offset = shared.add(elements_of(plan.buffers[buffer], max_rows, element), whole);
    for (int heir = static_cast<int>(buffer); heir >= 0; heir = heirs.of[heir]) arena.offsets[heir] = offset;
  }
  arena.size = shared.end();
  return arena;
}

}  // namespace pellucid

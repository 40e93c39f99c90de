// Where things of some size go, so that those that live at the same time do not overlap: the first gap that fits.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

namespace pellucid {

// The first and the last step that something must last for.
struct Life {
  long first, last;

  bool used() const { return first <= last; }
  bool overlaps(const Life& other) const { return other.first <= last && first <= other.last; }
};

// Taken stretches of memory, first to end, in order and apart from each other.
class Taken {
 public:
  void add(long first, long end) {
    auto from =
        std::lower_bound(parts_.begin(), parts_.end(), first, [](const Part& p, long at) { return p.second < at; });
    auto to = from;
    for (; to != parts_.end() && to->first <= end; ++to) {
      first = std::min(first, to->first);
      end = std::max(end, to->second);
    }
    if (from == to) {
      parts_.insert(from, {first, end});
      return;
    }
    *from = {first, end};
    parts_.erase(from + 1, to);
  }

  // The end of the part that begins before `end` and ends behind `first`; `first` where there is none.
  long beyond(long first, long end) const {
    const auto part =
        std::upper_bound(parts_.begin(), parts_.end(), first, [](long at, const Part& p) { return at < p.second; });
    return part != parts_.end() && part->first < end ? part->second : first;
  }

 private:
  using Part = std::pair<long, long>;
  std::vector<Part> parts_;
};

// A tree over time, each node for a span of steps, halved below it. A life is made of few whole spans; so whatever
// overlaps it is either within one of these spans, or covers a span above one: a handful of nodes, each of which knows
// what is taken, in one piece where things lie side by side.
class Places {
 public:
  // Lives lie in first .. last.
  Places(long first, long last) : first_(first) {
    while (leaves_ < last - first + 1) leaves_ *= 2;
    nodes_.resize(static_cast<std::size_t>(2 * leaves_));
  }

  long add(long size, const Life& life) {
    seen_.clear();
    visit(life, [&](Node& node, bool whole) { seen_.push_back(whole ? &node.within : &node.covering); });
    long offset = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (const Taken* taken : seen_) {
        const long beyond = taken->beyond(offset, offset + size);
        moved = moved || beyond != offset;
        offset = beyond;
      }
    }
    visit(life, [&](Node& node, bool whole) {
      node.within.add(offset, offset + size);
      if (whole) node.covering.add(offset, offset + size);
    });
    end_ = std::max(end_, offset + size);
    return offset;
  }

  long end() const { return end_; }

 private:
  // What lives at some time of the node's span; and what lives through all of it, where no node above says so.
  struct Node {
    Taken within, covering;
  };

  // visit(node, whether all of its span is in the life), from the root down to the spans that make up the life.
  template <class Visit>
  void visit(const Life& life, const Visit& visitor) {
    visit(1, first_, first_ + leaves_ - 1, life, visitor);
  }
  template <class Visit>
  void visit(long node, long first, long last, const Life& life, const Visit& visitor) {
    if (!life.overlaps({first, last})) return;
    const bool whole = life.first <= first && last <= life.last;
    visitor(nodes_[static_cast<std::size_t>(node)], whole);
    if (whole) return;
    const long middle = first + (last - first) / 2;
    visit(2 * node, first, middle, life, visitor);
    visit(2 * node + 1, middle + 1, last, life, visitor);
  }

  long first_, leaves_ = 1, end_ = 0;
  std::vector<Node> nodes_;
  std::vector<const Taken*> seen_;
};

}  // namespace pellucid

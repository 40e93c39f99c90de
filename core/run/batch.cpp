#include "run/batch.h"

#include <stdexcept>
#include <string>

namespace pellucid {

Order::Order(const std::int64_t* rows, std::size_t count) : index_(count) {
  bool beyond = count >= std::uint64_t{1} << 32;
  for (std::size_t i = 0; i < count && !beyond; ++i) {
    index_[i] = static_cast<std::uint32_t>(rows[i]);
    beyond = static_cast<std::uint64_t>(rows[i]) >= count;
  }
  if (beyond) throw std::invalid_argument("order names a row beyond x");
}

}  // namespace pellucid

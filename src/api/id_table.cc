#include "api/id_table.h"

#include <limits>

#include "base/error.h"
#include "eval/columns.h"

namespace dear {

size_t IdTable::SlotOf(std::string_view id) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = eval::HashId(id) & mask;
  while (slots_[slot] != 0 && ids_[slots_[slot] - 1] != id) slot = (slot + 1) & mask;
  return slot;
}

size_t IdTable::Add(std::string_view id) {
  size_t slot = SlotOf(id);
  if (slots_[slot] != 0) return slots_[slot] - 1;
  if (ids_.size() + 1 >= std::numeric_limits<uint32_t>::max())
    throw Error(ErrorCode::kUnsupported, "ids", "more than four billion");
  if ((ids_.size() + 1) * 3 > slots_.size() * 2) {
    Grow();
    slot = SlotOf(id);
  }
  ids_.push_back(id);
  slots_[slot] = static_cast<uint32_t>(ids_.size());
  return ids_.size() - 1;
}

std::optional<size_t> IdTable::Find(std::string_view id) const {
  const uint32_t found = slots_[SlotOf(id)];
  if (found == 0) return std::nullopt;
  return found - 1;
}

void IdTable::Grow() {
  slots_.assign(slots_.size() * 2, 0);
  for (size_t i = 0; i < ids_.size(); ++i) slots_[SlotOf(ids_[i])] = static_cast<uint32_t>(i + 1);
}

}  // namespace dear

#ifndef DEAR_MODEL_ROW_GROUPS_H_
#define DEAR_MODEL_ROW_GROUPS_H_

#include <cstdint>
#include <vector>

#include "model/adapter.h"

namespace dear {

// The rows of a packed call that go through one adapter.
struct RowGroup {
  const Adapter* adapter = nullptr;  // null: the base alone
  std::vector<int32_t> rows;         // ascending
};

// The rows of a packed call, grouped by adapter.
class RowGroups {
 public:
  void Add(const Adapter* adapter, int32_t row) {
    for (RowGroup& group : groups_) {
      if (group.adapter == adapter) {
        group.rows.push_back(row);
        ++num_rows_;
        return;
      }
    }
    groups_.push_back({adapter, {row}});
    ++num_rows_;
  }

  int64_t num_rows() const { return num_rows_; }
  const std::vector<RowGroup>& groups() const { return groups_; }

 private:
  std::vector<RowGroup> groups_;
  int64_t num_rows_ = 0;
};

}  // namespace dear

#endif  // DEAR_MODEL_ROW_GROUPS_H_

#ifndef DEAR_API_ID_TABLE_H_
#define DEAR_API_ID_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace dear {

// Ids, numbered from 0 in the order in which they are added. Holds views, about 24 bytes an id:
// what they point into must outlive it.
class IdTable {
 public:
  // The number of `id`, which is new where it equals the size before. Throws kUnsupported beyond
  // four billion ids.
  size_t Add(std::string_view id);
  std::optional<size_t> Find(std::string_view id) const;

  std::string_view operator[](size_t number) const { return ids_[number]; }
  size_t size() const { return ids_.size(); }

 private:
  // The slot that holds `id`, or the free one where it belongs.
  size_t SlotOf(std::string_view id) const;
  void Grow();

  std::vector<std::string_view> ids_;
  std::vector<uint32_t> slots_ = std::vector<uint32_t>(16);  // number + 1; 0 is free
};

}  // namespace dear

#endif  // DEAR_API_ID_TABLE_H_

#ifndef DEAR_SEARCH_POSTINGS_H_
#define DEAR_SEARCH_POSTINGS_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace dear {

// The documents of a term with how often each has it, about two bytes a document: distances between
// the documents' numbers, in groups of seven bits, whose lowest bit says that the term stands there
// once; else how often follows.
class Postings {
 public:
  // Documents come in rising order; `count` is at least 1.
  void Add(uint32_t document, uint32_t count) {
    const uint64_t distance = document - last_;
    last_ = document;
    ++size_;
    Put(distance << 1 | (count == 1 ? 1 : 0));
    if (count != 1) Put(count);
  }

  // Calls fn(document, count) for each.
  template <typename Fn>
  void ForEach(Fn fn) const {
    uint32_t document = 0;
    for (size_t at = 0; at < bytes_.size();) {
      const uint64_t head = Get(&at);
      document += static_cast<uint32_t>(head >> 1);
      fn(document, (head & 1) != 0 ? 1U : static_cast<uint32_t>(Get(&at)));
    }
  }

  uint32_t size() const { return size_; }
  size_t bytes() const { return bytes_.size(); }
  void ShrinkToFit() { bytes_.shrink_to_fit(); }

 private:
  void Put(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  uint64_t Get(size_t* at) const {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes_[(*at)++]);
      value |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
  }

  std::string bytes_;  // of a rare term, without memory beside
  uint32_t last_ = 0;
  uint32_t size_ = 0;
};

}  // namespace dear

#endif  // DEAR_SEARCH_POSTINGS_H_

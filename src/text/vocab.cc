#include "text/vocab.h"

#include <bit>
#include <limits>

#include "base/error.h"
#include "text/hash.h"

namespace dear {

void Vocab::Reserve(size_t num_tokens, size_t num_bytes) {
  bytes_.reserve(num_bytes);
  entries_.reserve(num_tokens);
  Grow(std::bit_ceil(num_tokens * 2 + 16));
}

size_t Vocab::Probe(std::string_view token) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = HashBytes(token) & mask;
  while (slots_[slot] != 0 && View(entries_[slots_[slot] - 1]) != token) slot = (slot + 1) & mask;
  return slot;
}

void Vocab::Grow(size_t num_slots) {
  if (num_slots <= slots_.size()) return;
  std::vector<uint32_t> old(num_slots, 0);
  old.swap(slots_);
  for (const uint32_t index : old) {
    if (index != 0) slots_[Probe(View(entries_[index - 1]))] = index;
  }
}

void Vocab::Add(std::string_view token, int64_t id, const std::string& context) {
  if (id < 0 || id > kMaxId) {
    throw Error(ErrorCode::kInvalidFormat, context,
                "token '" + std::string(token) + "' has id " + std::to_string(id) +
                    ", expected 0 to " + std::to_string(kMaxId));
  }
  if (bytes_.size() + token.size() > std::numeric_limits<uint32_t>::max()) {
    throw Error(ErrorCode::kInvalidFormat, context, "the tokens are longer than 4 GiB together");
  }
  if ((entries_.size() + 1) * 2 > slots_.size()) Grow(std::bit_ceil(entries_.size() * 4 + 16));
  const auto token_id = static_cast<TokenId>(id);
  const size_t slot = Probe(token);
  uint32_t index = slots_[slot];
  if (index == 0) {
    entries_.push_back(
        {static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(token.size()), token_id});
    bytes_.append(token);
    index = static_cast<uint32_t>(entries_.size());
    slots_[slot] = index;
    ++num_tokens_;
  } else {
    entries_[index - 1].id = token_id;
  }
  if (token_of_id_.size() <= static_cast<size_t>(token_id)) {
    token_of_id_.resize(static_cast<size_t>(token_id) + 1, 0);
  }
  token_of_id_[static_cast<size_t>(token_id)] = index;
}

std::optional<TokenId> Vocab::Find(std::string_view token) const {
  if (slots_.empty()) return std::nullopt;
  const uint32_t index = slots_[Probe(token)];
  if (index == 0) return std::nullopt;
  return entries_[index - 1].id;
}

std::string_view Vocab::TokenOf(TokenId id) const {
  if (id < 0 || id >= end_id()) return {};
  const uint32_t index = token_of_id_[static_cast<size_t>(id)];
  // A token of no bytes still has an address.
  return index == 0 ? std::string_view()
                    : std::string_view(bytes_.c_str() + entries_[index - 1].offset,
                                       entries_[index - 1].length);
}

}  // namespace dear

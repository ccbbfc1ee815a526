#include "model/prefix_cache.h"

#include <iterator>

#include "model/forward.h"

namespace dear {

bool PrefixCache::Origin::operator<(const Origin& other) const {
  // By owner, not by address: another object may come to lie where one was.
  if (model.owner_before(other.model)) return true;
  if (other.model.owner_before(model)) return false;
  return adapter.owner_before(other.adapter);
}

uint64_t PrefixCache::RootOf(const std::shared_ptr<const Model>& model,
                             const std::shared_ptr<const Adapter>& adapter) {
  for (auto it = roots_.begin(); it != roots_.end();) {
    const bool expired = it->first.expired();
    if (expired) tree_.Drop(it->second);
    it = expired ? roots_.erase(it) : std::next(it);
  }
  const auto [found, is_new] = roots_.try_emplace(
      Origin{.model = model, .adapter = adapter, .has_adapter = adapter != nullptr}, next_root_);
  if (is_new) ++next_root_;
  return found->second;
}

KvCache PrefixCache::Find(const std::shared_ptr<const Model>& model,
                          const std::shared_ptr<const Adapter>& adapter,
                          std::span<const int32_t> tokens) {
  return tree_.Find(RootOf(model, adapter), KvLayoutOf(model->config()), tokens);
}

void PrefixCache::Keep(const std::shared_ptr<const Model>& model,
                       const std::shared_ptr<const Adapter>& adapter,
                       std::span<const int32_t> tokens, const KvCache& computed) {
  tree_.Insert(RootOf(model, adapter), tokens, computed);
}

}  // namespace dear

#ifndef DEAR_MODEL_PREFIX_CACHE_H_
#define DEAR_MODEL_PREFIX_CACHE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "model/adapter.h"
#include "model/kv_cache.h"
#include "model/model.h"
#include "model/prefix_tree.h"

namespace dear {

// What sessions keep of their sequences for those of later sessions to begin with, which gives the
// same bits as computing it again: keys and values depend on the tokens before them, the model (in
// its compute) and the adapter alone. Several models may share one. An adapter whose numbers change
// must not meet it. Not thread-safe: sessions that share one take turns.
class PrefixCache {
 public:
  // `limit`: bytes of keys and values that are held at most. Sequences that go on from them hold
  // them in turn until they are done.
  explicit PrefixCache(uint64_t limit) : tree_(limit) {}

  // Keys and values of the longest beginning of `tokens` that was kept of this model and adapter.
  KvCache Find(const std::shared_ptr<const Model>& model,
               const std::shared_ptr<const Adapter>& adapter, std::span<const int32_t> tokens);
  // Keeps those of `tokens`, which `computed` begins with.
  void Keep(const std::shared_ptr<const Model>& model,
            const std::shared_ptr<const Adapter>& adapter, std::span<const int32_t> tokens,
            const KvCache& computed);

  uint64_t bytes() const { return tree_.bytes(); }
  uint64_t limit() const { return tree_.limit(); }

 private:
  struct Origin {
    std::weak_ptr<const Model> model;
    std::weak_ptr<const Adapter> adapter;
    bool has_adapter = false;

    bool expired() const { return model.expired() || (has_adapter && adapter.expired()); }
    bool operator<(const Origin& other) const;
  };

  // The root of that origin in the tree. What is gone leaves it.
  uint64_t RootOf(const std::shared_ptr<const Model>& model,
                  const std::shared_ptr<const Adapter>& adapter);

  PrefixTree tree_;
  std::map<Origin, uint64_t> roots_;
  uint64_t next_root_ = 0;
};

}  // namespace dear

#endif  // DEAR_MODEL_PREFIX_CACHE_H_

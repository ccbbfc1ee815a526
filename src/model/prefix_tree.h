#ifndef DEAR_MODEL_PREFIX_TREE_H_
#define DEAR_MODEL_PREFIX_TREE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "model/kv_cache.h"

namespace dear {

// Token sequences with their keys and values, as radix trees over token ids: what sequences begin
// with in common is held once. Several roots, one for each origin of keys and values, share a
// limit; beyond it the leaf that was used longest ago goes first, whatever its root.
class PrefixTree {
 public:
  using Tokens = std::span<const int32_t>;

  // `limit`: bytes of KV blocks.
  explicit PrefixTree(uint64_t limit) : limit_(limit) {}
  ~PrefixTree();
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;

  // Keys and values of the longest beginning of `tokens` that is held; of no position where there
  // is none. What is found counts as used.
  KvCache Find(uint64_t root, const KvLayout& layout, Tokens tokens);
  // Holds `tokens`; `computed` has their keys and values, perhaps with more behind them. Makes room
  // for it; what has none even then is left out from the end, in whole blocks.
  void Insert(uint64_t root, Tokens tokens, const KvCache& computed);
  void Drop(uint64_t root);

  // Of the blocks that are held, each counted once; never above the limit.
  uint64_t bytes() const { return bytes_; }
  uint64_t limit() const { return limit_; }

 private:
  struct Node {
    size_t begin = 0;             // position of the first token
    std::vector<int32_t> tokens;  // from the parent's end on; of a root: none
    // From the one with position `begin` on, which has the positions before `begin` too; it may be
    // the parent's last.
    std::vector<KvBlock> blocks;
    uint64_t block_bytes = 0;
    uint64_t used = 0;  // the time of it
    Node* parent = nullptr;
    std::map<int32_t, std::unique_ptr<Node>> children;  // by their first token

    size_t end() const { return begin + tokens.size(); }
    size_t first_block() const { return begin / KvLayout::kPositions; }
  };

  // The node where the longest beginning of `tokens` that is held ends, which is split there. Marks
  // all on the way as used.
  Node* Walk(uint64_t root, Tokens tokens);
  // Puts a node in front of `node` that takes its first `count` tokens; returns it.
  Node* Split(Node* node, size_t count);
  void Use(Node* node);
  // Removes leaves until `needed` bytes more fit, or nothing is left but the way to `kept`.
  void MakeRoom(uint64_t needed, const Node* kept);
  void Remove(Node* leaf);
  // Blocks of the node that its parent does not hold.
  static size_t OwnBlocks(const Node& node);
  static bool IsLeaf(const Node& node) { return node.parent != nullptr && node.children.empty(); }

  uint64_t limit_;
  uint64_t bytes_ = 0;
  uint64_t time_ = 0;
  std::map<uint64_t, Node> roots_;
  std::set<std::pair<uint64_t, Node*>> leaves_;  // by the time when they were used
};

}  // namespace dear

#endif  // DEAR_MODEL_PREFIX_TREE_H_

#include "model/prefix_tree.h"

#include <algorithm>

namespace dear {

PrefixTree::~PrefixTree() {
  // From the leaves: a chain of nodes may be too long to be destroyed by recursion.
  while (!leaves_.empty()) Remove(leaves_.begin()->second);
}

KvCache PrefixTree::Find(uint64_t root, const KvLayout& layout, Tokens tokens) {
  const Node* last = Walk(root, tokens);
  const size_t length = last->end();
  std::vector<KvBlock> blocks(static_cast<size_t>(KvLayout::BlocksFor(last->end())));
  // Where two nodes of the way hold a block, the later one has more of its positions.
  size_t missing = blocks.size();
  for (const Node* node = last; node->parent != nullptr; node = node->parent) {
    while (missing > node->first_block()) {
      --missing;
      blocks[missing] = node->blocks[missing - node->first_block()];
    }
  }
  return {layout, std::move(blocks), static_cast<int64_t>(length)};
}

void PrefixTree::Insert(uint64_t root, Tokens tokens, const KvCache& computed) {
  Node* parent = Walk(root, tokens);
  const size_t begin = parent->end();
  if (begin == tokens.size()) return;
  const size_t first = begin / KvLayout::kPositions;
  const std::span<const KvBlock> all = computed.shared_blocks();
  auto count =
      static_cast<size_t>(KvLayout::BlocksFor(static_cast<int64_t>(tokens.size()))) - first;
  const uint64_t block_bytes = computed.block_bytes();
  const bool first_is_held = !parent->blocks.empty() && parent->blocks.back() == all[first];
  const size_t held = first_is_held ? 1 : 0;
  MakeRoom((count - held) * block_bytes, parent);
  if (const auto fit = held + static_cast<size_t>((limit_ - bytes_) / block_bytes); fit < count) {
    count = fit;
    tokens = tokens.first(std::max(begin, (first + count) * KvLayout::kPositions));
    if (begin == tokens.size()) return;
  }
  auto node = std::make_unique<Node>();
  node->begin = begin;
  node->tokens.assign(tokens.begin() + static_cast<std::ptrdiff_t>(begin), tokens.end());
  const auto blocks = all.subspan(first, count);
  node->blocks.assign(blocks.begin(), blocks.end());
  node->block_bytes = block_bytes;
  node->used = time_;
  node->parent = parent;
  bytes_ += (count - held) * block_bytes;
  leaves_.erase({parent->used, parent});
  leaves_.emplace(node->used, node.get());
  parent->children.emplace(node->tokens.front(), std::move(node));
}

void PrefixTree::Drop(uint64_t root) {
  const auto found = roots_.find(root);
  if (found == roots_.end()) return;
  Node* node = &found->second;
  while (true) {
    while (!node->children.empty()) node = node->children.begin()->second.get();
    if (node->parent == nullptr) break;
    Node* parent = node->parent;
    Remove(node);
    node = parent;
  }
  roots_.erase(found);
}

PrefixTree::Node* PrefixTree::Walk(uint64_t root, Tokens tokens) {
  ++time_;
  Node* node = &roots_[root];
  while (node->end() < tokens.size()) {
    const Tokens rest = tokens.subspan(node->end());
    const auto found = node->children.find(rest.front());
    if (found == node->children.end()) break;
    Node* child = found->second.get();
    const auto [differs, unused] = std::ranges::mismatch(child->tokens, rest);
    const auto common = static_cast<size_t>(differs - child->tokens.begin());
    // The part that is not used ages by itself.
    if (common < child->tokens.size()) child = Split(child, common);
    Use(child);
    node = child;
  }
  return node;
}

PrefixTree::Node* PrefixTree::Split(Node* node, size_t count) {
  std::unique_ptr<Node>& place = node->parent->children.at(node->tokens.front());
  std::unique_ptr<Node> lower = std::move(place);
  place = std::make_unique<Node>();
  Node* upper = place.get();
  const auto cut = static_cast<std::ptrdiff_t>(count);
  upper->begin = node->begin;
  upper->tokens.assign(node->tokens.begin(), node->tokens.begin() + cut);
  const auto blocks = KvLayout::BlocksFor(static_cast<int64_t>(upper->end())) -
                      static_cast<int64_t>(upper->first_block());
  upper->blocks.assign(node->blocks.begin(), node->blocks.begin() + blocks);
  upper->block_bytes = node->block_bytes;
  upper->used = node->used;
  upper->parent = node->parent;
  node->parent = upper;
  node->tokens.erase(node->tokens.begin(), node->tokens.begin() + cut);
  node->begin += count;
  const auto gone = static_cast<std::ptrdiff_t>(node->first_block() - upper->first_block());
  node->blocks.erase(node->blocks.begin(), node->blocks.begin() + gone);
  upper->children.emplace(node->tokens.front(), std::move(lower));
  return upper;
}

void PrefixTree::Use(Node* node) {
  if (IsLeaf(*node)) {
    leaves_.erase({node->used, node});
    leaves_.emplace(time_, node);
  }
  node->used = time_;
}

void PrefixTree::MakeRoom(uint64_t needed, const Node* kept) {
  while (bytes_ + needed > limit_ && !leaves_.empty() && leaves_.begin()->second != kept)
    Remove(leaves_.begin()->second);
}

void PrefixTree::Remove(Node* leaf) {
  Node* parent = leaf->parent;
  bytes_ -= OwnBlocks(*leaf) * leaf->block_bytes;
  leaves_.erase({leaf->used, leaf});
  parent->children.erase(parent->children.find(leaf->tokens.front()));
  if (IsLeaf(*parent)) leaves_.emplace(parent->used, parent);
}

size_t PrefixTree::OwnBlocks(const Node& node) {
  const std::vector<KvBlock>& above = node.parent->blocks;
  const bool shares = !above.empty() && above.back() == node.blocks.front();
  return node.blocks.size() - (shares ? 1 : 0);
}

}  // namespace dear

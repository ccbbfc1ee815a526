#include "text/split_step.h"

#include <algorithm>
#include <string>

#include "base/error.h"

namespace dear {
namespace {

struct Part {
  TextRange range;
  bool is_match;
};

}  // namespace

SplitBehavior ParseSplitBehavior(const std::string& name, const std::string& context) {
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  throw Error(ErrorCode::kUnsupported, context, "field 'behavior': '" + name + "'");
}

void CutByMatches(const std::vector<TextRange>& matches, size_t size, SplitBehavior behavior,
                  bool invert, std::vector<TextRange>& pieces) {
  // The whole text as matches and what lies between them, in order.
  std::vector<Part> parts;
  parts.reserve(matches.size() * 2 + 1);
  size_t previous = 0;
  for (const TextRange& match : matches) {
    if (previous != match.begin) parts.push_back({{previous, match.begin}, invert});
    parts.push_back({match, !invert});
    previous = match.end;
  }
  if (previous != size) parts.push_back({{previous, size}, invert});

  std::vector<TextRange> cut;
  cut.reserve(parts.size());
  bool previous_match = false;
  switch (behavior) {
    case SplitBehavior::kRemoved:
      for (const Part& part : parts) {
        if (!part.is_match) cut.push_back(part.range);
      }
      break;
    case SplitBehavior::kIsolated:
      for (const Part& part : parts) cut.push_back(part.range);
      break;
    case SplitBehavior::kContiguous:
      for (const Part& part : parts) {
        if (part.is_match == previous_match && !cut.empty()) {
          cut.back().end = part.range.end;
        } else {
          cut.push_back(part.range);
        }
        previous_match = part.is_match;
      }
      break;
    case SplitBehavior::kMergedWithPrevious:
      for (const Part& part : parts) {
        if (part.is_match && !previous_match && !cut.empty()) {
          cut.back().end = part.range.end;
        } else {
          cut.push_back(part.range);
        }
        previous_match = part.is_match;
      }
      break;
    case SplitBehavior::kMergedWithNext:
      for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
        if (part->is_match && !previous_match && !cut.empty()) {
          cut.back().begin = part->range.begin;
        } else {
          cut.push_back(part->range);
        }
        previous_match = part->is_match;
      }
      std::reverse(cut.begin(), cut.end());
      break;
  }
  for (const TextRange& range : cut) {
    if (range.begin != range.end) pieces.push_back(range);
  }
}

}  // namespace dear

#include "text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "text/unicode.h"

namespace dear {

void AddedTokens::Matcher::Add(std::string_view text, TokenId id) {
  if (nodes_.empty()) nodes_.emplace_back();
  uint32_t* link = &first_[static_cast<uint8_t>(text[0])];
  uint32_t node = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    node = *link;
    while (node != 0 && nodes_[node].byte != byte) {
      link = &nodes_[node].sibling;
      node = *link;
    }
    if (node == 0) {
      node = static_cast<uint32_t>(nodes_.size());
      *link = node;
      nodes_.push_back({0, 0, -1, byte});  // may move the nodes: `link` is set anew below
    }
    link = &nodes_[node].child;
  }
  if (nodes_[node].id < 0) nodes_[node].id = id;  // of equal strings the first wins
}

std::pair<TokenId, size_t> AddedTokens::Matcher::LongestAt(std::string_view text,
                                                           size_t begin) const {
  std::pair<TokenId, size_t> best{-1, begin};
  uint32_t node = first_[static_cast<uint8_t>(text[begin])];
  for (size_t i = begin; node != 0;) {
    if (nodes_[node].id >= 0) best = {nodes_[node].id, i + 1};
    if (++i == text.size()) break;
    const auto byte = static_cast<uint8_t>(text[i]);
    node = nodes_[node].child;
    while (node != 0 && nodes_[node].byte != byte) node = nodes_[node].sibling;
  }
  return best;
}

void AddedTokens::Add(const AddedToken& token, const Vocab& vocab, const std::string& context) {
  if (token.content.empty()) return;
  if (token.content.size() > kMaxTokenBytes) {
    throw Error(ErrorCode::kUnsupported, context,
                "an added token of " + std::to_string(token.content.size()) + " bytes (at most " +
                    std::to_string(kMaxTokenBytes) + ")");
  }
  if (token.special) special_.insert(token.content);
  TokenId id = 0;
  if (const auto known = IdOf(token.content)) {
    id = *known;
  } else if (const auto in_vocab = vocab.Find(token.content)) {
    id = *in_vocab;
  } else {
    const auto next = static_cast<TokenId>(vocab.size());
    id = max_id_ >= next || next == 0 ? max_id_ + 1 : next;
  }
  if (id > Vocab::kMaxId) throw Error(ErrorCode::kInvalidFormat, context, "too many tokens");
  id_of_[token.content] = id;
  token_of_id_[id] = tokens_.size();
  max_id_ = std::max(max_id_, id);
  end_id_ = std::max(end_id_, id + 1);
  tokens_.push_back(token);
}

void AddedTokens::Build(const Normalizer* normalizer, const std::string& context) {
  // Special ones first: of two that look alike after normalisation the first is found.
  for (AddedToken& token : tokens_) {
    auto text = AlignedText::FromOriginal(token.content, 0, false);
    if (token.normalized && normalizer != nullptr) normalizer->Apply(text);
    token.shown = std::move(text.text);
  }
  for (const bool special : {true, false}) {
    std::unordered_set<std::string> seen;
    for (const AddedToken& token : tokens_) {
      if ((special_.count(token.content) != 0) != special) continue;
      if (!seen.insert(token.content).second) continue;
      // The flags that count are those of the last token given with this id.
      const TokenId id = id_of_[token.content];
      if (!token.normalized) {
        raw_.Add(token.content, id);
        continue;
      }
      if (token.shown.empty()) {
        throw Error(ErrorCode::kUnsupported, context,
                    "added token '" + token.content + "' is nothing after normalisation");
      }
      normalized_.Add(token.shown, id);
    }
  }
}

const AddedToken* AddedTokens::Find(TokenId id) const {
  const auto found = token_of_id_.find(id);
  return found == token_of_id_.end() ? nullptr : &tokens_[found->second];
}

std::optional<TokenId> AddedTokens::IdOf(std::string_view content) const {
  const auto found = id_of_.find(std::string(content));
  if (found == id_of_.end()) return std::nullopt;
  return found->second;
}

bool AddedTokens::HasJust(const AddedToken& token) const {
  const auto id = IdOf(token.content);
  const AddedToken* known = id ? Find(*id) : nullptr;
  return known != nullptr && known->content == token.content && known->special == token.special &&
         known->normalized == token.normalized && known->lstrip == token.lstrip &&
         known->rstrip == token.rstrip && known->single_word == token.single_word;
}

void AddedTokens::SplitRaw(std::string_view text, std::vector<AddedTokenSplit>& out) const {
  Split(raw_, text, out);
}

void AddedTokens::SplitNormalized(std::string_view text, std::vector<AddedTokenSplit>& out) const {
  Split(normalized_, text, out);
}

void AddedTokens::Split(const Matcher& matcher, std::string_view text,
                        std::vector<AddedTokenSplit>& out) const {
  const auto& classes = CharClasses::Get();
  size_t covered = 0;  // splits reach to here
  for (size_t i = 0; i < text.size() && !matcher.empty();) {
    if (!matcher.MayBegin(static_cast<uint8_t>(text[i]))) {
      ++i;
      continue;
    }
    const auto [id, match_end] = matcher.LongestAt(text, i);
    if (id < 0) {
      ++i;
      continue;
    }
    size_t begin = i;
    size_t end = match_end;
    i = match_end;  // the search goes on behind the match itself, whatever is stripped
    const AddedToken& token = *Find(id);
    if (token.single_word) {
      size_t before = begin;
      size_t after = end;
      const bool word_before =
          begin > 0 && (classes[DecodeUtf8Backward(text, before)] & kClassPlainWord) != 0;
      const bool word_after =
          end < text.size() && (classes[DecodeUtf8(text, after)] & kClassPlainWord) != 0;
      if (word_before || word_after) continue;
    }
    if (token.lstrip) {
      for (size_t previous = begin; begin > covered; begin = previous) {
        if ((classes[DecodeUtf8Backward(text, previous)] & kClassSpace) == 0) break;
      }
      begin = std::max(begin, covered);
    }
    if (token.rstrip) {
      for (size_t next = end; end < text.size(); end = next) {
        if ((classes[DecodeUtf8(text, next)] & kClassSpace) == 0) break;
      }
    }
    if (covered < begin) out.push_back({covered, begin, -1});
    out.push_back({begin, end, id});
    covered = end;
  }
  if (covered < text.size()) out.push_back({covered, text.size(), -1});
}

}  // namespace dear

#include "rank/continuation_encoder.h"

#include <algorithm>
#include <string>

#include "text/python_text.h"

namespace dear {
namespace {

// Tokens before the place that may have a say in how the text is cut: pre-tokenizers look at words.
constexpr size_t kContextTokens = 12;

constexpr EncodeOptions kNoSpecialTokens = {.add_special_tokens = false};

}  // namespace

ContinuationEncoder::ContinuationEncoder(const Tokenizer& tokenizer,
                                         std::span<const TokenId> prompt)
    : tokenizer_(tokenizer) {
  const auto end = prompt.last(std::min(kContextTokens, prompt.size()));
  prompt_end_.assign(end.begin(), end.end());
}

std::optional<ContinuationEncoder::Tokens> ContinuationEncoder::Encode(
    std::span<const TokenId> written, std::string_view text) const {
  std::vector<TokenId> context;
  if (written.size() < kContextTokens) context = prompt_end_;
  const auto end = written.last(std::min(kContextTokens, written.size()));
  context.insert(context.end(), end.begin(), end.end());
  if (context.size() > kContextTokens) {
    context.erase(context.begin(), context.end() - static_cast<std::ptrdiff_t>(kContextTokens));
  }
  const std::string before = tokenizer_.Decode(context, false);
  const std::string whole = before + std::string(text);

  Encoding encoded = tokenizer_.Encode(whole, kNoSpecialTokens, /*with_offsets=*/true);
  const int64_t start = CodePointCount(before);
  size_t first = 0;
  while (first < encoded.ids.size() && encoded.offsets[first].second <= start) ++first;
  Tokens out;
  if (tokenizer_.Decode(std::span(encoded.ids).first(first), false) == before) {
    for (size_t i = first; i < encoded.ids.size(); ++i) {
      out.ids.push_back(encoded.ids[i]);
      out.offsets.emplace_back(encoded.offsets[i].first - start, encoded.offsets[i].second - start);
    }
    return out;
  }
  encoded = tokenizer_.Encode(text, kNoSpecialTokens, /*with_offsets=*/true);
  context.insert(context.end(), encoded.ids.begin(), encoded.ids.end());
  if (tokenizer_.Decode(context, false) != whole) return std::nullopt;
  return Tokens{std::move(encoded.ids), std::move(encoded.offsets)};
}

}  // namespace dear

#ifndef DEAR_RANK_TESTING_FAKES_H_
#define DEAR_RANK_TESTING_FAKES_H_

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rank/language_model.h"
#include "text/python_text.h"

namespace dear::testing {

// One token a code point; <bos> is 1, <eos> is 2. Pairs are "<bos> A <bos> B", as Llama 3's.
class FakeTokenizer final : public Tokenizer {
 public:
  static constexpr TokenId kBos = 1;
  static constexpr TokenId kEos = 2;
  static constexpr TokenId kFirst = 8;

  std::string chat_template_text;

  Encoding Encode(std::string_view text, const EncodeOptions& options,
                  bool /*with_offsets*/) const override {
    Encoding out;
    if (options.add_special_tokens) Add(kBos, {0, 0}, &out);
    AddText(RepairUtf8(text), &out);
    if (options.truncation == Truncation::kRight &&
        static_cast<int64_t>(out.ids.size()) > options.max_length) {
      out.ids.resize(static_cast<size_t>(options.max_length));
      out.offsets.resize(out.ids.size());
    }
    return out;
  }

  Encoding EncodePair(std::string_view first, std::string_view second, const EncodeOptions& options,
                      bool /*with_offsets*/) const override {
    Encoding a, b;
    AddText(RepairUtf8(first), &a);
    AddText(RepairUtf8(second), &b);
    if (options.truncation == Truncation::kLongestFirst) {
      while (!(a.ids.empty() && b.ids.empty()) &&
             static_cast<int64_t>(a.ids.size() + b.ids.size()) + 2 > options.max_length) {
        Encoding& longer = a.ids.size() > b.ids.size() ? a : b;
        longer.ids.pop_back();
        longer.offsets.pop_back();
      }
    }
    Encoding out;
    for (const Encoding* part : {&a, &b}) {
      Add(kBos, {0, 0}, &out);
      out.ids.insert(out.ids.end(), part->ids.begin(), part->ids.end());
      out.offsets.insert(out.offsets.end(), part->offsets.begin(), part->offsets.end());
    }
    return out;
  }

  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const override {
    std::string out;
    for (const TokenId id : ids) {
      if (id >= kFirst) {
        AppendUtf8(static_cast<char32_t>(id - kFirst), &out);
      } else if (!skip_special_tokens) {
        out += id == kBos ? "<bos>" : "<eos>";
      }
    }
    return out;
  }

  std::optional<TokenId> TokenToId(std::string_view token) const override {
    if (CodePointCount(token) != 1) return std::nullopt;
    size_t at = 0;
    return static_cast<TokenId>(NextCodePoint(token, &at)) + kFirst;
  }
  std::optional<std::string> IdToToken(TokenId id) const override {
    return Decode(std::span(&id, 1), false);
  }
  int64_t vocab_size() const override { return 0x110000 + kFirst; }
  bool IsSpecial(TokenId id) const override { return id < kFirst; }
  std::optional<TokenId> bos_id() const override { return kBos; }
  std::optional<TokenId> eos_id() const override { return kEos; }
  std::optional<TokenId> pad_id() const override { return std::nullopt; }
  const std::string& chat_template() const override { return chat_template_text; }

 private:
  static void Add(TokenId id, std::pair<int64_t, int64_t> offset, Encoding* out) {
    out->ids.push_back(id);
    out->offsets.push_back(offset);
  }

  static void AddText(const std::string& text, Encoding* out) {
    int64_t index = 0;
    for (size_t at = 0; at < text.size(); ++index) {
      Add(static_cast<TokenId>(NextCodePoint(text, &at)) + kFirst, {index, index + 1}, out);
    }
  }

  static void AppendUtf8(char32_t c, std::string* out) {
    const auto byte = [&](char32_t value) { out->push_back(static_cast<char>(value)); };
    if (c < 0x80) {
      byte(c);
    } else if (c < 0x800) {
      byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F));
    } else {
      byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F));
      byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F));
    }
  }
};

// Answers by functions of the prompt's text; keeps every request.
class FakeLanguageModel final : public LanguageModel {
 public:
  FakeTokenizer fake_tokenizer;
  std::shared_ptr<const Tokenizer> prompt_tokenizer;  // null: the fake one
  int64_t positions = 1 << 20;
  bool score_head = false;
  std::function<std::string(const std::string& prompt)> answer;
  std::function<float(const std::string& prompt, const std::string& token)> log_probability;
  std::function<std::vector<float>(const std::string& prompt)> logits;

  std::vector<ContinueRequest> continued;
  std::vector<size_t> batches;  // requests of each Continue
  std::vector<ContinuationScoreRequest> scored;
  std::vector<std::vector<TokenId>> classified;
  std::vector<int64_t> classified_at;
  std::vector<TokenId> asked_tokens;  // of the last TokenLogits

  const Tokenizer& tokenizer() const override {
    return prompt_tokenizer ? *prompt_tokenizer : fake_tokenizer;
  }
  int64_t max_positions() const override { return positions; }
  bool has_score_head() const override { return score_head; }

  std::vector<Continuation> Continue(std::span<const ContinueRequest> requests, Usage* usage,
                                     const CancelFn& /*cancel*/) override {
    std::vector<Continuation> out;
    batches.push_back(requests.size());
    ++usage->forward_passes;
    for (const ContinueRequest& request : requests) {
      continued.push_back(request);
      Continuation written;
      written.text = answer(fake_tokenizer.Decode(request.prompt, true));
      written.ids = fake_tokenizer.Encode(written.text, {.add_special_tokens = false}, false).ids;
      written.stopped = true;
      if (request.on_text) request.on_text(written.text);
      usage->prompt_tokens += static_cast<int64_t>(request.prompt.size());
      usage->completion_tokens += static_cast<int64_t>(written.ids.size());
      out.push_back(std::move(written));
    }
    return out;
  }

  std::vector<std::vector<float>> ScoreContinuations(
      std::span<const ContinuationScoreRequest> requests, Usage* /*usage*/,
      const CancelFn& /*cancel*/) override {
    std::vector<std::vector<float>> out;
    for (const ContinuationScoreRequest& request : requests) {
      scored.push_back(request);
      const std::string prompt = fake_tokenizer.Decode(request.prompt, true);
      out.emplace_back();
      for (const TokenId id : request.continuation) {
        out.back().push_back(
            log_probability(prompt, fake_tokenizer.Decode(std::span(&id, 1), true)));
      }
    }
    return out;
  }

  std::vector<std::vector<float>> Classify(std::span<const std::vector<TokenId>> prompts,
                                           std::span<const int64_t> at, Usage* /*usage*/,
                                           const CancelFn& /*cancel*/) override {
    std::vector<std::vector<float>> out;
    for (const std::vector<TokenId>& prompt : prompts) {
      classified.push_back(prompt);
      out.push_back(logits(fake_tokenizer.Decode(prompt, false)));
    }
    classified_at.insert(classified_at.end(), at.begin(), at.end());
    return out;
  }

  // The slot is kept as its position, the padding is not shown.
  std::vector<std::vector<float>> ClassifyPadded(std::span<const std::vector<TokenId>> prompts,
                                                 TokenId /*pad*/, int64_t slots, Usage* usage,
                                                 const CancelFn& cancel) override {
    const std::vector<int64_t> at(prompts.size(), slots - 1);
    return Classify(prompts, at, usage, cancel);
  }

  // `logits` of the prompt, one for each token.
  std::vector<std::vector<float>> TokenLogits(std::span<const std::vector<TokenId>> prompts,
                                              std::span<const TokenId> tokens, Usage* /*usage*/,
                                              const CancelFn& /*cancel*/) override {
    asked_tokens.assign(tokens.begin(), tokens.end());
    std::vector<std::vector<float>> out;
    for (const std::vector<TokenId>& prompt : prompts) {
      classified.push_back(prompt);
      out.push_back(logits(fake_tokenizer.Decode(prompt, false)));
      out.back().resize(tokens.size());
    }
    return out;
  }

  std::vector<std::vector<float>> NextTokenLogits(std::span<const std::vector<TokenId>> prompts,
                                                  Usage* /*usage*/,
                                                  const CancelFn& /*cancel*/) override {
    return std::vector<std::vector<float>>(prompts.size());
  }
};

}  // namespace dear::testing

#endif  // DEAR_RANK_TESTING_FAKES_H_

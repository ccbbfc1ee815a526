#ifndef DEAR_RANK_TESTING_TEXT_STEPPER_H_
#define DEAR_RANK_TESTING_TEXT_STEPPER_H_

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "generate/stepper.h"
#include "rank/testing/piece_tokenizer.h"

namespace dear::testing {

// A number in [0, 1) of a text and a salt.
inline double HashUnit(std::string_view text, uint64_t salt) {
  uint64_t hash = 1469598103934665603U ^ (salt * 0x9E3779B97F4A7C15U);
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211U;
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93U;
  hash ^= hash >> 32;
  return static_cast<double>(hash >> 11) * 0x1p-53;
}

// Roughly normal, of the same.
inline double HashNormal(std::string_view text, uint64_t salt) {
  const double u = HashUnit(text, salt * 2 + 1);
  const double v = HashUnit(text, salt * 2 + 2);
  return std::sqrt(-2 * std::log(1 - u)) * std::cos(6.283185307179586 * v);
}

// A model that wishes to write texts: given its answer so far it names continuations with logits
// ("" is the end), whose next tokens get them; all other tokens get little. What the tokens before
// the first row of logits say is the prompt.
class TextStepper final : public Stepper {
 public:
  using Wishes = std::vector<std::pair<std::string, double>>;
  using Mind = std::function<Wishes(const std::string& prompt, const std::string& answer)>;

  TextStepper(const PieceTokenizer& tokenizer, Mind mind)
      : tokenizer_(tokenizer), mind_(std::move(mind)) {
    config_.eos_ids = {PieceTokenizer::kEos};
    config_.max_positions = 1 << 14;
    config_.vocab_size = tokenizer.vocab_size();
    for (uint64_t i = 0; i < static_cast<uint64_t>(config_.vocab_size); ++i) {
      unwished_.push_back(HashUnit({}, i));
    }
  }

  SequenceId Add(std::shared_ptr<const Adapter>) override {
    held_[++last_] = {};
    return last_;
  }
  SequenceId Fork(SequenceId, int64_t) override { return -1; }  // not asked for here
  void Remove(SequenceId id) override { held_.erase(id); }
  void Truncate(SequenceId id, int64_t length) override {
    held_.at(id).tokens.resize(static_cast<size_t>(length));
  }
  HeadOutputs Forward(std::span<const Step> steps) override {
    ++calls_;
    HeadOutputs out{.width = config_.vocab_size, .values = {}};
    for (const Step& step : steps) {
      Held& held = held_.at(step.sequence);
      for (size_t i = 0; i < step.tokens.size(); ++i) {
        held.tokens.push_back(step.tokens[i]);
        ++rows_;
        if (i < step.logits_from) continue;
        if (held.prompt == 0) {
          held.prompt = held.tokens.size();
          held.prompt_text = tokenizer_.Decode(held.tokens, true);
        }
        const std::vector<float> row = Logits(held);
        out.values.insert(out.values.end(), row.begin(), row.end());
      }
    }
    return out;
  }
  const ModelConfig& config() const override { return config_; }
  double pass_rows() const override { return pass_rows_; }

  // What the calls have cost, in rows.
  double cost() const {
    return static_cast<double>(calls_) * pass_rows_ + static_cast<double>(rows_);
  }

  ModelConfig config_;
  int64_t calls_ = 0;
  int64_t rows_ = 0;
  double pass_rows_ = 8;

 private:
  struct Held {
    std::vector<TokenId> tokens;
    size_t prompt = 0;  // tokens
    std::string prompt_text;
  };

  std::vector<float> Logits(const Held& held) const {
    const std::span<const TokenId> tokens = held.tokens;
    const auto written = tokens.subspan(held.prompt);
    const std::string answer = tokenizer_.Decode(written, true);
    std::vector<float> row(unwished_.size());
    std::transform(unwished_.begin(), unwished_.end(), row.begin(),
                   [shift = HashUnit(answer, 1) - 30](double logit) {
                     return static_cast<float>(logit + shift);
                   });
    std::map<TokenId, double> wished;
    // A text is cut from the left, so what comes next follows from the last token alone.
    const auto last = written.last(std::min<size_t>(1, written.size()));
    for (const auto& [text, logit] : mind_(held.prompt_text, answer)) {
      TokenId token = PieceTokenizer::kEos;
      if (!text.empty()) {
        const auto ids =
            tokenizer_
                .Encode(tokenizer_.Decode(last, true) + text, {.add_special_tokens = false}, false)
                .ids;
        token = ids.size() > last.size() && (last.empty() || ids[0] == last[0])
                    ? ids[last.size()]
                    : tokenizer_.Encode(text, {.add_special_tokens = false}, false).ids[0];
      }
      wished[token] += std::exp(logit);
    }
    for (const auto& [token, weight] : wished) {
      row[static_cast<size_t>(token)] = static_cast<float>(std::log(weight));
    }
    return row;
  }

  const PieceTokenizer& tokenizer_;
  Mind mind_;
  std::vector<double> unwished_;  // what every token gets, before a shift for all of them
  std::map<SequenceId, Held> held_;
  SequenceId last_ = 0;
};

}  // namespace dear::testing

#endif  // DEAR_RANK_TESTING_TEXT_STEPPER_H_

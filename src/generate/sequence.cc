#include "generate/sequence.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace dear {
namespace {

// The share of the softmax of `logits` that `allowed` does not have, summed in double.
double MaskedShare(std::span<const float> logits, std::span<const TokenId> allowed) {
  const double largest = logits[static_cast<size_t>(ArgMax(logits))];
  double all = 0;
  for (const float logit : logits) all += std::exp(static_cast<double>(logit) - largest);
  double kept = 0;
  for (const TokenId token : allowed)
    kept += std::exp(static_cast<double>(logits[static_cast<size_t>(token)]) - largest);
  return std::max(0.0, 1 - kept / all);
}

}  // namespace

Sequence::Sequence(const GenerateRequest& request, Generated& out, Stepper& stepper,
                   const std::shared_ptr<const Tokenizer>& tokenizer)
    : request_(request),
      out_(out),
      stepper_(stepper),
      sampler_(request.sampling),
      decoder_(tokenizer, /*skip_special_tokens=*/true),
      stops_(request.stop_strings),
      budget_(stepper.pass_rows()),
      tokens_(request.prompt) {}

void Sequence::Begin() {
  // The last token gives the first logits. What sequences beside this one have kept by now counts.
  const auto kept = std::span<const TokenId>(tokens_).first(tokens_.size() - 1);
  const auto begun = stepper_.Begin(request_.adapter, kept, 0);
  id_ = begun ? begun->sequence : stepper_.Add(request_.adapter);
  fed_ = begun ? begun->held : 0;
  out_.cached = static_cast<int64_t>(fed_);
}

Step Sequence::NextStep(const Room& room) {
  if (id_ < 0 && room.prompt_tokens > 0) Begin();
  const size_t waiting = tokens_.size() - fed_;
  const size_t count = out_.ids.empty() ? std::min(waiting, room.prompt_tokens) : waiting;
  draft_.clear();
  budget_.Share(room.sharing, room.least_kept);
  if (out_.ids.empty()) budget_.Prompt(count);
  if (count == waiting) MakeDraft(room, count);
  step_.assign(tokens_.begin() + static_cast<std::ptrdiff_t>(fed_),
               tokens_.begin() + static_cast<std::ptrdiff_t>(fed_ + count));
  step_.insert(step_.end(), draft_.begin(), draft_.end());
  return {.sequence = id_,
          .tokens = step_,
          .logits_from = count == waiting && count > 0 ? count - 1 : count};
}

void Sequence::MakeDraft(const Room& room, size_t count) {
  if (!request_.drafter || request_.sampling.temperature > 0) return;
  const auto left = [](int64_t limit, size_t taken) {
    return static_cast<size_t>(std::max<int64_t>(0, limit - static_cast<int64_t>(taken)));
  };
  // The call gives one token more than it keeps of the draft, and that one needs no place.
  const size_t most =
      std::min({room.draft_tokens, left(static_cast<int64_t>(room.prompt_tokens), count),
                left(request_.max_new_tokens, out_.ids.size() + 1),
                left(stepper_.config().max_positions, tokens_.size())});
  const auto limit = [&](DraftSource source) { return std::min(most, budget_.Limit(source)); };
  draft_ = request_.drafter->Draft(
      out_.ids, std::max(limit(DraftSource::kForm), limit(DraftSource::kRepetition)));
  source_ = request_.drafter->source();
  if (const size_t longest = limit(source_); draft_.size() > longest) draft_.resize(longest);
  const auto outside = std::ranges::find_if(
      draft_, [&](TokenId token) { return token < 0 || token >= stepper_.config().vocab_size; });
  draft_.erase(outside, draft_.end());
}

bool Sequence::Take(std::span<const Drafter::Logits> rows, double seconds) {
  const bool in_prompt = out_.ids.empty();
  ++out_.forward_passes;
  (in_prompt ? out_.prefill_seconds : out_.decode_seconds) += seconds;
  const size_t known = step_.size() - draft_.size();
  const size_t before = fed_;
  fed_ += known;
  if (before < request_.keep && fed_ >= request_.keep)
    stepper_.Keep(id_, std::span<const TokenId>(tokens_).first(request_.keep));
  if (rows.empty()) return true;

  size_t accepted = 0;
  bool goes_on = true;
  while (true) {
    const TokenId token = Choose(rows[accepted]);
    goes_on = Write(token);
    const bool as_drafted = accepted < draft_.size() && token == draft_[accepted];
    if (as_drafted) ++accepted;
    if (!as_drafted || !goes_on) break;
  }
  out_.drafted += static_cast<int64_t>(draft_.size());
  out_.accepted += static_cast<int64_t>(accepted);
  fed_ += accepted;
  budget_.Verified(draft_.size(), accepted, source_);
  if (!goes_on) return false;
  if (request_.drafter) request_.drafter->Learn(rows, accepted);
  if (accepted < draft_.size()) stepper_.Truncate(id_, static_cast<int64_t>(fed_));
  return true;
}

TokenId Sequence::Choose(std::span<const float> logits) {
  auto allowed = request_.constraint ? request_.constraint->Allowed(out_.ids) : std::nullopt;
  if (allowed && allowed->empty()) allowed = EndTokens();
  if (!allowed || allowed->empty()) return sampler_.Next(logits, tokens_);
  masked_logits_.assign(logits.size(), -std::numeric_limits<float>::infinity());
  for (const TokenId token : *allowed) {
    if (token < 0 || static_cast<size_t>(token) >= logits.size()) {
      throw Error(ErrorCode::kInvalidArgument, "constraint",
                  "token " + std::to_string(token) + " is outside the vocabulary of " +
                      std::to_string(logits.size()));
    }
    masked_logits_[static_cast<size_t>(token)] = logits[static_cast<size_t>(token)];
  }
  const double share = MaskedShare(logits, *allowed);
  out_.masked += {.sum = share, .max = share, .tokens = 1};
  return sampler_.Next(masked_logits_, tokens_);
}

std::vector<TokenId> Sequence::EndTokens() const {
  std::vector<TokenId> tokens = request_.stop_ids;
  if (request_.use_model_eos) {
    for (const int64_t id : stepper_.config().eos_ids) tokens.push_back(static_cast<TokenId>(id));
  }
  std::ranges::sort(tokens);
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  return tokens;
}

bool Sequence::Write(TokenId token) {
  tokens_.push_back(token);
  out_.ids.push_back(token);
  const std::vector<int64_t>& eos = stepper_.config().eos_ids;
  const bool ends = std::ranges::find(request_.stop_ids, token) != request_.stop_ids.end() ||
                    (request_.use_model_eos && std::ranges::find(eos, int64_t{token}) != eos.end());
  Emit(stops_.Add(decoder_.Next(token)));
  if (stops_.found()) return Finish(StopReason::kStopString);
  if (ends) return Finish(StopReason::kEos);
  if (static_cast<int64_t>(out_.ids.size()) >= request_.max_new_tokens)
    return Finish(StopReason::kLength);
  if (static_cast<int64_t>(tokens_.size()) > stepper_.config().max_positions)
    return Finish(StopReason::kContext);
  return true;
}

void Sequence::Emit(const std::string& text) {
  if (text.empty()) return;
  out_.text += text;
  if (request_.on_text) request_.on_text(text);
}

bool Sequence::Finish(StopReason reason) {
  out_.reason = reason;
  if (reason != StopReason::kStopString) {
    Emit(stops_.Add(decoder_.Finish()));
    // The decoder's last bytes may have completed one.
    if (stops_.found()) out_.reason = StopReason::kStopString;
    Emit(stops_.Finish());
  }
  return false;
}

}  // namespace dear

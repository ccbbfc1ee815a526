#include "train/sft_template.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "text/chat_format.h"
#include "train/sft_template_table.h"

namespace dear {
namespace {

const SftTemplateText* FindText(std::string_view name) {
  const auto texts = SftTemplateTexts();
  const auto found = std::ranges::find(texts, name, &SftTemplateText::name);
  return found == texts.end() ? nullptr : &*found;
}

std::shared_ptr<const ChatFormat> FindFormat(std::string_view name, const Tokenizer& tokenizer) {
  if (name.empty() || name == "auto") return RecognizeChatFormat(tokenizer);
  const std::vector<std::string> known = ChatFormatNames();
  if (std::ranges::find(known, name) != known.end()) return FindChatFormat(name);
  std::string names;
  for (const std::string& each : SftTemplateNames()) names += (names.empty() ? "" : ", ") + each;
  throw Error(ErrorCode::kNotFound, "template '" + std::string(name) + "'",
              "there is none of this name; known are auto (the model's own), " + names);
}

void CheckOptions(const SftTemplateOptions& options) {
  if (options.cutoff_len < 1) {
    throw Error(ErrorCode::kInvalidArgument, "cutoff_len",
                "expected at least 1, found " + std::to_string(options.cutoff_len));
  }
  if (options.mask_history && options.train_on_prompt) {
    throw Error(ErrorCode::kInvalidArgument, "mask_history",
                "cannot be used together with train_on_prompt");
  }
}

// Cuts the turn to at most `budget` tokens (data/data_utils.py: infer_seqlen).
void CutTurn(size_t budget, SftTurn* turn) {
  const size_t prompt = turn->prompt.size();
  const size_t answer = turn->answer.size();
  size_t answer_limit = budget;
  if (answer * 2 >= budget && prompt * 2 < budget) {
    answer_limit = budget - prompt;
  } else if (answer * 2 >= budget) {
    // In floating point and in this order, so that roundings fall alike.
    const double share = static_cast<double>(answer) / static_cast<double>(prompt + answer);
    answer_limit = static_cast<size_t>(static_cast<double>(budget) * share);
  }
  turn->answer.resize(std::min(answer, answer_limit));
  turn->prompt.resize(std::min(prompt, budget - turn->answer.size()));
}

void Append(const std::vector<TokenId>& ids, bool trained, SftTokens* out) {
  out->ids.insert(out->ids.end(), ids.begin(), ids.end());
  out->trained.insert(out->trained.end(), ids.size(), trained ? 1 : 0);
}

// The turns that have a place, cut; `order` gives them theirs in the budget.
void FitTurns(size_t budget, bool last_first, std::vector<SftTurn>* turns) {
  if (last_first) std::reverse(turns->begin(), turns->end());
  size_t kept = 0;
  for (; kept < turns->size() && budget > 0; ++kept) {
    SftTurn& turn = (*turns)[kept];
    CutTurn(budget, &turn);
    budget -= turn.prompt.size() + turn.answer.size();
  }
  turns->resize(kept);
  if (last_first) std::reverse(turns->begin(), turns->end());
}

}  // namespace

SftTemplate::SftTemplate(std::string_view name, std::shared_ptr<const Tokenizer> tokenizer,
                         const SftTemplateOptions& options)
    : name_(name), options_(options) {
  CheckOptions(options);
  if (const SftTemplateText* text = FindText(name)) {
    const bool drop_old = options.mask_history && !options.turns.preserve_thinking;
    encoder_ = MakeTemplateEncoder(*text, std::move(tokenizer), options.turns, drop_old);
    return;
  }
  auto format = FindFormat(name, *tokenizer);
  name_ = format->name();
  encoder_ = MakeChatFormatEncoder(std::move(format), std::move(tokenizer), options.turns);
}

SftTokens SftTemplate::Encode(const SftExample& example) const {
  std::vector<SftTurn> turns = encoder_->Encode(example);
  FitTurns(static_cast<size_t>(options_.cutoff_len), options_.mask_history, &turns);
  SftTokens out;
  for (size_t i = 0; i < turns.size(); ++i) {
    Append(turns[i].prompt, options_.train_on_prompt, &out);
    Append(turns[i].answer, !options_.mask_history || i + 1 == turns.size(), &out);
  }
  return out;
}

std::vector<std::string> SftTemplateNames() {
  std::vector<std::string> names;
  for (const SftTemplateText& text : SftTemplateTexts()) names.emplace_back(text.name);
  for (const std::string& name : ChatFormatNames()) {
    if (FindText(name) == nullptr) names.push_back(name);
  }
  return names;
}

}  // namespace dear

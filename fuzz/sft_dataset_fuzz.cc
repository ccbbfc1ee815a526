// Whatever stands in an entry of dataset_info.json and in the file that it names, reading them
// gives conversations that become as many labels as tokens, no more than asked for, or an Error.
// The input: a template, a cut-off, the entry up to the first line end, the file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "rank/testing/piece_tokenizer.h"
#include "train/dataset_info.h"
#include "train/sft_json_rows.h"
#include "train/sft_row.h"
#include "train/sft_template.h"

namespace {

using dear::SftExample;
using dear::SftTokens;

std::vector<dear::SftTemplate> Templates(const dear::SftTemplateOptions& options) {
  static const auto tokenizer = std::make_shared<dear::testing::PieceTokenizer>(
      std::vector<std::string>{"<|im_start|>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>"});
  std::vector<dear::SftTemplate> out;
  for (const std::string& name : dear::SftTemplateNames()) {
    out.emplace_back(name, tokenizer, options);
  }
  return out;
}

void Check(const SftExample& example, const dear::SftTemplate& chat, size_t cutoff) {
  const auto& turns = example.turns;
  if (turns.empty() || turns.size() % 2 != 0 || turns.back().role != "assistant") std::abort();
  SftTokens tokens;
  try {
    tokens = chat.Encode(example);
  } catch (const dear::Error& error) {
    // A format may have no place for what the conversation holds.
    if (error.code() == dear::ErrorCode::kUnsupported) return;
    if (error.code() == dear::ErrorCode::kInvalidArgument) return;
    throw;
  }
  if (tokens.ids.size() != tokens.trained.size() || tokens.ids.size() > cutoff) std::abort();
  if (std::ranges::any_of(tokens.trained, [](uint8_t trained) { return trained > 1; }))
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kCutoffs[] = {1, 40, 100000};
  static const std::vector<dear::SftTemplate> templates[] = {
      Templates({.cutoff_len = 1, .train_on_prompt = true}),
      Templates({.cutoff_len = 40, .mask_history = true}),
      Templates({.cutoff_len = 100000}),
  };
  if (size < 2) return 0;
  const size_t cutoff = data[1] % 3;
  const dear::SftTemplate& chat = templates[cutoff][data[0] % templates[cutoff].size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string_view entry = text.substr(0, text.find('\n'));
  try {
    const auto source = dear::ParseSftSource(dear::ParseJson(entry, "entry"), "fuzz", "entry");
    const std::string file(text.substr(std::min(entry.size() + 1, text.size())));
    const auto rows = dear::SftJsonRows::FromText(file, "file");
    for (size_t i = 0; i < rows.size(); ++i) {
      const dear::SftRow row = dear::ReadSftRow(rows.Parse(i), source);
      if (row.example.has_value() != row.dropped.empty()) std::abort();
      if (row.example) Check(*row.example, chat, kCutoffs[cutoff]);
    }
  } catch (const dear::Error&) {
  }
  return 0;
}

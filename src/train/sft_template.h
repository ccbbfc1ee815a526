#ifndef DEAR_TRAIN_SFT_TEMPLATE_H_
#define DEAR_TRAIN_SFT_TEMPLATE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "train/sft_row.h"
#include "train/sft_turns.h"

namespace dear {

// What a model learns from one conversation.
struct SftTokens {
  std::vector<TokenId> ids;
  // As long as `ids`: 1 where the token is to be predicted (its label is its id), 0 where not
  // (-100). Nothing predicts token 0, whatever stands there.
  std::vector<uint8_t> trained;
};

// LLaMA-Factory's fields of the same names, with its defaults.
struct SftTemplateOptions {
  int64_t cutoff_len = 2048;     // tokens of one conversation at most
  bool train_on_prompt = false;  // every token is trained
  bool mask_history = false;     // the last answer alone is trained, and cut last
  SftTurnOptions turns;
};

// Conversations to tokens and masks as in llamafactory 0.9.5 (data/processor/supervised.py): each
// turn's prompt and answer are tokenised apart, so that no token reaches over the seam; the answer
// with what the template puts behind it is trained. Turns are added until cutoff_len is reached;
// prompt and answer of the one that crosses it are cut at their ends, the longer one first or both
// in proportion (data/data_utils.py: infer_seqlen), and what follows is left out.
// Immutable, so that several threads may encode.
class SftTemplate {
 public:
  // `name`: a template of LLaMA-Factory (llama3, qwen, …: as it is there, which is not always what
  // the model's own chat template says), else one of this program's chat formats; empty or "auto":
  // the model's own, recognised. Throws kNotFound that lists the names; kUnsupported where the
  // tokenizer lacks a token that the template cannot do without, or the model's format is unknown;
  // kInvalidArgument for options that exclude each other.
  SftTemplate(std::string_view name, std::shared_ptr<const Tokenizer> tokenizer,
              const SftTemplateOptions& options = {});

  const std::string& name() const { return name_; }
  // Throws kInvalidArgument or kUnsupported for a conversation that the format refuses (a system
  // message where it has no place for one).
  SftTokens Encode(const SftExample& example) const;

 private:
  std::string name_;
  SftTemplateOptions options_;
  std::unique_ptr<const SftTurnEncoder> encoder_;
};

// LLaMA-Factory's templates that are known here, then the chat formats of other names.
std::vector<std::string> SftTemplateNames();

}  // namespace dear

#endif  // DEAR_TRAIN_SFT_TEMPLATE_H_

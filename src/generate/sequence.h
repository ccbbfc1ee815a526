#ifndef DEAR_GENERATE_SEQUENCE_H_
#define DEAR_GENERATE_SEQUENCE_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "generate/draft_budget.h"
#include "generate/generator.h"
#include "generate/stop_strings.h"

namespace dear {

// One request of Generate() on its way: prompt tokens not yet seen by the model, then its newest
// token a call, with a draft behind it where there is one.
class Sequence {
 public:
  // The arguments outlive it.
  Sequence(const GenerateRequest& request, Generated& out, Stepper& stepper,
           const std::shared_ptr<const Tokenizer>& tokenizer);
  ~Sequence() {
    if (id_ >= 0) stepper_.Remove(id_);
  }
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  // What may be fed in one call.
  struct Room {
    size_t prompt_tokens = 0;  // drafts included
    size_t draft_tokens = 0;
    size_t sharing = 1;     // sequences in the call
    size_t least_kept = 0;  // drafted tokens that each of them has kept
  };
  // The next step; no tokens where there is no room for prompt tokens. A sequence that has only its
  // newest token to feed always takes part. The span is valid until the next call of this object.
  Step NextStep(const Room& room);
  // Drafted tokens that were kept so far.
  size_t kept_tokens() const { return budget_.kept(); }
  // What it may still lose by drafts; when it is finished, those that go on inherit it.
  double Unspent() const { return budget_.Unspent(); }
  void Inherit(double rows) { budget_.Inherit(rows); }
  // Rows of that step that are drafts.
  size_t draft_tokens() const { return draft_.size(); }

  // Takes the call's logits of that step's rows from logits_from on, and `seconds` as its share of
  // the time. False when the sequence is finished.
  bool Take(std::span<const Drafter::Logits> rows, double seconds);

 private:
  // Opens the sequence, behind what was kept of its prompt.
  void Begin();
  // A draft to stand behind `count` known tokens.
  void MakeDraft(const Room& room, size_t count);
  TokenId Choose(std::span<const float> logits);
  // The tokens that end the answer.
  std::vector<TokenId> EndTokens() const;
  // Writes one more token. False when it is the last.
  bool Write(TokenId token);
  void Emit(const std::string& text);
  bool Finish(StopReason reason);

  const GenerateRequest& request_;
  Generated& out_;
  Stepper& stepper_;
  Sampler sampler_;
  StreamDecoder decoder_;
  StopStrings stops_;
  DraftBudget budget_;
  std::vector<TokenId> tokens_;  // prompt and answer
  SequenceId id_ = -1;           // until its first token has room
  size_t fed_ = 0;               // tokens_ that the model has seen
  // The step under way.
  std::vector<TokenId> step_;
  std::vector<TokenId> draft_;  // the end of it
  DraftSource source_ = DraftSource::kForm;
  std::vector<float> masked_logits_;
};

}  // namespace dear

#endif  // DEAR_GENERATE_SEQUENCE_H_

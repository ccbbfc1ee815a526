#ifndef DEAR_TEXT_SPM_PIPELINE_H_
#define DEAR_TEXT_SPM_PIPELINE_H_

#include <string>

#include "text/pipeline.h"
#include "text/spm_model.h"

namespace dear {

// The BPE pipeline that gives the ids of SentencePiece's BPE: model, normaliser and decoder. Two
// pieces merge into a third by its score, equal scores from left to right. Throws Error
// kInvalidFormat naming `context`.
PipelineParts MakeSpmPipeline(const SpmVocabulary& vocabulary, const std::string& context);

// Adds the special pieces as added tokens (not yet built), and, where asked, the user-defined ones.
void AddSpmTokens(const SpmVocabulary& vocabulary, bool user_defined, PipelineParts& parts,
                  const std::string& context);

// What of `model` the pipeline above does not do as SentencePiece does; empty where it does all.
// Then the library is asked instead (spm_library.h).
std::string BeyondSpmPipeline(const SpmModel& model);

// BOS before and EOS behind every text, where given.
PostProcessor MakeBosEosTemplate(std::optional<TokenId> bos, std::optional<TokenId> eos);

}  // namespace dear

#endif  // DEAR_TEXT_SPM_PIPELINE_H_

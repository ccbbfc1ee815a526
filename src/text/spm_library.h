#ifndef DEAR_TEXT_SPM_LIBRARY_H_
#define DEAR_TEXT_SPM_LIBRARY_H_

#include <memory>
#include <string_view>
#include <vector>

#include "text/aligned_text.h"
#include "text/spm_model.h"
#include "text/vocab.h"

namespace dear {

// A model of the SentencePiece library: the kinds that the BPE pipeline does not do (unigram,
// words, characters) and those that rewrite characters or spaces. Immutable and thread-safe.
class SpmLibrary {
 public:
  // Throws Error kInvalidFormat, naming `context`, with what the library has against the model.
  SpmLibrary(const SpmModel& model, std::string_view context);
  ~SpmLibrary();
  SpmLibrary(const SpmLibrary&) = delete;
  SpmLibrary& operator=(const SpmLibrary&) = delete;

  struct Piece {
    TokenId id;
    Span span;  // bytes of the text; filled where asked for
  };
  // Appends the pieces of `text`, which is valid UTF-8. `begins_text`: nothing stands before it.
  // Throws Error kInvalidArgument where the library gives up on the text.
  void Encode(std::string_view text, bool begins_text, bool with_spans,
              std::vector<Piece>& out) const;

 private:
  struct Processors;
  std::unique_ptr<const Processors> processors_;
};

}  // namespace dear

#endif  // DEAR_TEXT_SPM_LIBRARY_H_

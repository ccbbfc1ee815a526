#ifndef DEAR_TEXT_NORMALIZER_H_
#define DEAR_TEXT_NORMALIZER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/aligned_text.h"

namespace dear {

// Rewrites a text before it is cut into words. Immutable.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void Apply(AlignedText& text) const = 0;
};

// The `normalizer` of a tokenizer.json. Throws Error that names the type or field.
std::unique_ptr<const Normalizer> ParseNormalizer(const Json& json, const std::string& context);

// Before every text, or only before one that stands at the beginning of the original.
std::unique_ptr<const Normalizer> MakePrepend(std::string prefix, bool only_at_beginning = false);
std::unique_ptr<const Normalizer> MakeReplaceString(std::string from, std::string to);
std::unique_ptr<const Normalizer> MakeNormalizerSequence(
    std::vector<std::unique_ptr<const Normalizer>> parts);

}  // namespace dear

#endif  // DEAR_TEXT_NORMALIZER_H_

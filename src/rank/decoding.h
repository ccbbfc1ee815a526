#ifndef DEAR_RANK_DECODING_H_
#define DEAR_RANK_DECODING_H_

#include <optional>
#include <string>
#include <string_view>

namespace dear {

// How a listwise answer is made.
enum class Decoding {
  kGreedy,       // the likeliest token, one a call of the model
  kPermutation,  // the same tokens, several a call (rank/permutation_drafter.h)
  kFirst,        // nothing is written: the order of the logits of the ids as the next token
  kConstrained,  // everything that does not continue a permutation is masked
  kSample,       // drawn by temperature
};
std::string_view DecodingName(Decoding decoding);  // "greedy", "permutation", …
// Throws kInvalidArgument that lists the names.
Decoding ParseDecoding(std::string_view name);

struct Recipe;
struct RankOptions;

struct DecodingChoice {
  Decoding decoding = Decoding::kGreedy;
  double temperature = 0;
};
// What the options ask for, or else the recipe: sampling where it has a temperature, permutation
// decoding where it has none. Throws kInvalidArgument where they contradict each other or the
// recipe: a temperature with a decoding that draws nothing, an answer where the recipe's model
// writes none, first-token ranking by a model that reasons, or, for a recipe that is not listwise,
// a decoding of rankings.
DecodingChoice ChooseDecoding(const Recipe& recipe, const RankOptions& options);
// Throws kInvalidArgument where a listwise ranking is to settle its first places alone
// (RankOptions::settle) and its answers are sampled.
void RequireSteadyAnswers(const Recipe& recipe, const RankOptions& options);

}  // namespace dear

#endif  // DEAR_RANK_DECODING_H_

#include "rank/decoding.h"

#include <array>

#include "base/error.h"
#include "rank/reranker.h"

namespace dear {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"greedy", "permutation", "first", "constrained",
                                                    "sample"};

}  // namespace

std::string_view DecodingName(Decoding decoding) {
  return kNames[static_cast<size_t>(decoding)];
}

Decoding ParseDecoding(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Decoding>(i);
  }
  throw Error(
      ErrorCode::kInvalidArgument, "decoding",
      "'" + std::string(name) + "' is not one of greedy, permutation, first, constrained, sample");
}

DecodingChoice ChooseDecoding(const Recipe& recipe, const RankOptions& options) {
  const bool asked = options.decoding.has_value();
  const double own = options.temperature.value_or(recipe.decoding.temperature);
  Decoding decoding = own > 0 ? Decoding::kSample : recipe.decoding.method;
  if (recipe.decoding.first_token) decoding = Decoding::kFirst;
  if (asked) decoding = *options.decoding;
  const std::string name(DecodingName(decoding));
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::kInvalidArgument, "decoding '" + name + "'", why);
  };
  if (recipe.kind != RecipeKind::kListwise) {
    if (asked && decoding != Decoding::kGreedy && decoding != Decoding::kSample) {
      refuse("is for listwise recipes; " + recipe.name + " is " +
             std::string(RecipeKindName(recipe.kind)));
    }
    return {decoding, own};
  }
  if (recipe.decoding.first_token && decoding != Decoding::kFirst) {
    refuse("needs an answer, and with the recipe " + recipe.name +
           " the model writes none: it ranks by the first token");
  }
  if (decoding == Decoding::kFirst && (options.reasoning || recipe.reasoning.always)) {
    refuse("leaves a model no room to reason");
  }
  switch (decoding) {
    case Decoding::kSample: return {decoding, options.temperature.value_or(own > 0 ? own : 1.0)};
    case Decoding::kConstrained: return {decoding, options.temperature.value_or(0)};
    case Decoding::kGreedy:
    case Decoding::kPermutation:
    case Decoding::kFirst: break;
  }
  if (asked && options.temperature && *options.temperature > 0) {
    refuse("draws nothing: it contradicts a temperature above 0");
  }
  return {decoding, 0};
}

void RequireSteadyAnswers(const Recipe& recipe, const RankOptions& options) {
  if (!options.settle || recipe.kind != RecipeKind::kListwise) return;
  if (ChooseDecoding(recipe, options).temperature <= 0) return;
  throw Error(ErrorCode::kInvalidArgument, "settle",
              "needs the same answer whenever the same is asked, and this decoding draws them; "
              "rank with --decoding greedy or permutation");
}

}  // namespace dear

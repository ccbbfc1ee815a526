#include "rank/answer_tokens.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "rank/placeholders.h"

namespace dear {
namespace {

// The text behind the last placeholder: what an answer follows.
std::string TailOf(const Recipe& recipe) {
  const std::string& text =
      recipe.input.parts.empty() ? recipe.prompt.text : recipe.input.parts.back().text;
  const std::vector<std::string> names = PlaceholdersIn(text);
  if (names.empty()) return text;
  const std::string last = "{" + names.back() + "}";
  return text.substr(text.rfind(last) + last.size());
}

// The token by which a model gives `answer`.
TokenId AnswerToken(const Recipe& recipe, const Tokenizer& tokenizer, const std::string& answer) {
  EncodeOptions plain;
  plain.add_special_tokens = false;
  const auto fail = [&](const std::string& why) -> TokenId {
    throw Error(ErrorCode::kInvalidArgument, "recipe " + recipe.name,
                "the answer '" + answer + "' " + why);
  };
  switch (recipe.score.lookup) {
    case TokenLookup::kVocabulary: {
      const auto id = tokenizer.TokenToId(answer);
      return id ? *id : fail("is no token of this model's vocabulary");
    }
    case TokenLookup::kAlone: {
      const std::vector<TokenId> ids = tokenizer.Encode(answer, plain).ids;
      return ids.empty() ? fail("has no tokens") : ids.front();
    }
    case TokenLookup::kInContext: {
      const std::string tail = TailOf(recipe);
      const std::vector<TokenId> before = tokenizer.Encode(tail, plain).ids;
      const std::vector<TokenId> after = tokenizer.Encode(tail + answer, plain).ids;
      const auto differs =
          std::mismatch(after.begin(), after.end(), before.begin(), before.end()).first;
      return differs == after.end() ? fail("has no tokens") : *differs;
    }
  }
  return fail("cannot be looked up");
}

}  // namespace

std::vector<TokenId> AnswerTokens(const Recipe& recipe, const Tokenizer& tokenizer) {
  std::vector<TokenId> tokens = {AnswerToken(recipe, tokenizer, recipe.score.positive)};
  if (recipe.score.negative.empty()) return tokens;
  tokens.push_back(AnswerToken(recipe, tokenizer, recipe.score.negative));
  if (tokens[0] == tokens[1]) {
    throw Error(ErrorCode::kInvalidArgument, "recipe " + recipe.name,
                "the answers '" + recipe.score.positive + "' and '" + recipe.score.negative +
                    "' begin with the same token in this model's vocabulary");
  }
  return tokens;
}

}  // namespace dear

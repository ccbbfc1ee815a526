#ifndef DEAR_RANK_RECIPE_H_
#define DEAR_RANK_RECIPE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

// A reranker family as data: recipes/NAME.yaml, or a file of the user's. docs/recipes.md describes
// the fields.

enum class RecipeKind { kListwise, kPointwise, kQueryLikelihood };
std::string_view RecipeKindName(RecipeKind kind);

// How passages are numbered in the prompt and in the answer.
enum class IdStyle { kZeroBased, kOneBased, kLetters };

enum class CutUnit { kNone, kChars, kWords, kTokens };

// Keeps the first `length` code points, whitespace words (joined by one blank) or tokens.
struct TextCut {
  CutUnit unit = CutUnit::kNone;
  int64_t length = 0;
};

// What is done to a query or a passage before it enters the prompt, in this order.
struct TextRule {
  std::vector<std::string> remove;  // these texts go
  bool strip = false;               // whitespace at both ends goes
  bool escape_ids = false;          // "[12]" becomes "(12)", so that it is not read as an id
  TextCut cut;
};

struct MessageTemplate {
  std::string role;
  std::string content;
};

// Messages of the conversation; where `each_passage`, repeated for every passage.
struct MessageBlock {
  bool each_passage = false;
  std::vector<MessageTemplate> messages;
};

// Placeholders: {query} {num}; {passages} (all passage lines); for one passage {id} {passage}
// {title} {text}. {passage} is the title, a blank and the text, or the text alone.
struct PromptTemplate {
  bool chat = false;
  std::string text;                  // plain
  std::vector<MessageBlock> blocks;  // chat
  std::string chat_format;           // by name; empty: the one of the model
  std::string passage;               // one line of {passages}
  std::string separator = "\n";      // between them
  // Whether the tokenizer adds its own special tokens (BOS) to the text.
  bool special_tokens = true;
  int64_t truncate = 0;  // tokens kept from the left, special ones included; 0: all
};

struct DecodingDefaults {
  double temperature = 0;  // 0: greedy
  int64_t top_k = 0;       // 0: all
  double top_p = 1;
  // A fixed number, or else as many as the full ranking of the passages takes in this tokenizer
  // and `spare` more, but at least `at_least`.
  std::optional<int64_t> max_new_tokens;
  int64_t spare = 0;
  int64_t at_least = 0;
};

struct AnswerRule {
  std::string pattern;             // PCRE; its first group (or all of it) is an id
  std::vector<std::string> after;  // the answer begins after the first of these texts, any case
  std::string item;                // one id as the model writes it: "[{id}]"
  std::string separator;           // between two: " > "
};

struct ReasoningRule {
  std::vector<std::string> after;  // further texts after which the answer begins (their last place)
  int64_t max_new_tokens = 0;      // on top of the answer's
};

struct WindowRule {
  int64_t size = 0;   // passages in one call; 0: all in one
  int64_t step = 0;   // passages by which it moves towards the top
  int64_t depth = 0;  // passages of the list that take part; 0: all
};

enum class PairTruncation { kLongestFirst };
enum class Pooling { kLastToken };
enum class ScoreTransform { kLogit, kSigmoid };

struct PairRule {
  std::string query;     // template of the first text
  std::string document;  // template of the second
  int64_t max_length = 0;
  PairTruncation truncation = PairTruncation::kLongestFirst;
  Pooling pooling = Pooling::kLastToken;
  int64_t label = 0;  // which of the head's logits is the score
  ScoreTransform transform = ScoreTransform::kLogit;
};

struct Recipe {
  std::string name;
  std::string description;
  RecipeKind kind = RecipeKind::kListwise;
  TextRule query;
  TextRule passage;

  // listwise
  IdStyle ids = IdStyle::kZeroBased;
  PromptTemplate prompt;  // also query likelihood
  DecodingDefaults decoding;
  AnswerRule answer;
  ReasoningRule reasoning;
  WindowRule window;

  PairRule pair;             // pointwise
  std::string continuation;  // query likelihood: what is scored after the prompt
};

// Throws kInvalidFormat that names context, line and field.
Recipe ParseRecipe(std::string_view yaml, const std::string& name, const std::string& context);
// By name, or from a file where it ends in .yaml, .yml or .json. Throws kNotFound that lists the
// names.
Recipe LoadRecipe(const std::string& name_or_path);
std::vector<std::string> RecipeNames();

}  // namespace dear

#endif  // DEAR_RANK_RECIPE_H_

#ifndef DEAR_RANK_RECIPE_H_
#define DEAR_RANK_RECIPE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rank/decoding.h"
#include "rank/window_plan.h"

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
  // Not 0: `length` is meant for that many passages in a prompt, and in proportion longer for fewer
  // of them, shorter for more (words alone).
  int64_t for_passages = 0;
};

// What is done to a query or a passage before it enters the prompt, in this order.
struct TextRule {
  std::vector<std::string> remove;  // these texts go
  std::string with_title;           // of a passage that has a title; empty: "{title} {text}"
  bool strip = false;               // whitespace at both ends goes
  bool clean = false;               // CleanText
  TextCut cut;
  bool escape_ids = false;  // "[12]" becomes "(12)", so that it is not read as an id
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

// How passages become shorter where a prompt does not fit: all to one length in characters, found
// in proportion to what is over; or as RankLLM does it, word by word.
enum class Shrink { kCharacters, kRankLlmWords };

// Placeholders: {query} {num} {ids} (all ids); {passages} (all passage lines); for one passage {id}
// {passage} {title} {text} {score} (the first stage's, three decimals). {passage} is the text with
// its title as TextRule says, or alone.
struct PromptTemplate {
  bool chat = false;
  std::string text;                  // plain
  std::vector<MessageBlock> blocks;  // chat
  std::string chat_format;           // by name; empty: the one of the model
  std::string passage;               // one line of {passages}
  std::string separator = "\n";      // between them
  std::string id_item = "[{id}]";    // one of {ids}
  std::string id_separator = ", ";   // between two of them
  bool skip_thinking = false;        // unless the model is let reason: in the words of its format
  std::string begin_answer;          // what the model's answer is made to begin with
  // Whether the tokenizer adds its own special tokens (BOS) to the text.
  bool special_tokens = true;
  int64_t truncate = 0;  // tokens kept from the left, special ones included; 0: all
  int64_t context = 0;   // tokens that prompt and ranking may take; 0: the model's context
  Shrink shrink = Shrink::kCharacters;
};

struct DecodingDefaults {
  Decoding method = Decoding::kPermutation;  // greedy, permutation or constrained
  double temperature = 0;                    // 0: greedy
  int64_t top_k = 0;                         // 0: all
  double top_p = 1;
  // A fixed number, or else as many as the full ranking of the passages takes in this tokenizer
  // and `spare` more, but at least `at_least`.
  std::optional<int64_t> max_new_tokens;
  int64_t spare = 0;
  int64_t at_least = 0;
  // Nothing is written: the ranking is the order of the logits of the ids as the next token.
  bool first_token = false;
};

struct AnswerRule {
  std::string pattern;             // PCRE; its first group (or all of it) is an id
  std::vector<std::string> after;  // the answer begins after the first of these texts, any case
  std::vector<std::string> after_last;  // the same after the last place of each, one after another
  std::vector<std::string> before;      // and ends before the first of these
  std::string valid;    // PCRE that a well-formed answer matches as a whole; empty: "[1] > [2]"
  std::string counted;  // the ids that are counted for the repair; empty: those of `pattern`
  bool fold_digits = false;  // superscript, circled and wide digits are read as plain ones
  std::string item;          // one id as the model writes it: "[{id}]"
  std::string separator;     // between two: " > "
};

struct ReasoningRule {
  bool always = false;             // the model reasons unasked
  std::vector<std::string> after;  // further texts after which the answer begins (their last place)
  int64_t max_new_tokens = 0;      // on top of the answer's
};

enum class PairTruncation { kLongestFirst };

// Two texts, joined as the tokenizer joins a pair.
struct PairRule {
  std::string query;     // template of the first text
  std::string document;  // template of the second
  int64_t max_length = 0;
  PairTruncation truncation = PairTruncation::kLongestFirst;
};

// A piece of the input that is tokenised on its own, without special tokens.
struct InputPart {
  std::string text;              // template
  std::string with_instruction;  // in its place where the user gives an instruction; may be empty
  bool bos = false;              // the tokenizer's BOS stands before it, where there is one
  bool eos = false;              // and its EOS behind it
  int64_t max_tokens = 0;        // kept from the left; 0: all
  double max_share = 0;          // the same as a share of the length limit, rounded down
  bool shrink = false;           // is cut from the right where the whole is too long
};

// Which tokens InputRule::max_length counts. The content goes from the first part that has a
// placeholder to the last one that has.
enum class LengthOf { kAll, kContent, kContentLessTail };

struct InputRule {
  std::vector<InputPart> parts;
  int64_t max_length = 0;  // 0: the model's context
  LengthOf counts = LengthOf::kAll;
};

enum class ScoreHead { kLinear, kTokens };
enum class Pooling { kLastNonPad, kLastSlot };
enum class TokenLookup { kAlone, kVocabulary, kInContext };
enum class ScoreTransform { kLogit, kSigmoid };

// How a pointwise score is read.
struct ScoreRule {
  ScoreHead head = ScoreHead::kLinear;
  // linear
  Pooling pooling = Pooling::kLastNonPad;
  int64_t slots = 0;  // of a padded row; with last_slot
  int64_t label = 0;  // which of the head's logits is the score
  // tokens
  std::string positive;  // its logit as the next token
  std::string negative;  // is taken off, unless empty
  TokenLookup lookup = TokenLookup::kAlone;

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

  // pointwise: exactly one of the three (pair.query, input.parts, prompt.text) is given
  PairRule pair;
  InputRule input;
  ScoreRule score;
  std::string instruction;  // {instruction} where the user gives none

  std::string continuation;  // query likelihood: what is scored after the prompt

  // Whether RankOptions::instruction changes anything.
  bool TakesInstruction() const;
};

// Throws kInvalidFormat that names context, line and field.
Recipe ParseRecipe(std::string_view yaml, const std::string& name, const std::string& context);
// By name, or from a file where it ends in .yaml, .yml or .json. Throws kNotFound that lists the
// names.
Recipe LoadRecipe(const std::string& name_or_path);
// Whether LoadRecipe would read a file: by how the name ends.
bool IsRecipeFile(const std::string& name_or_path);
std::vector<std::string> RecipeNames();

}  // namespace dear

#endif  // DEAR_RANK_RECIPE_H_

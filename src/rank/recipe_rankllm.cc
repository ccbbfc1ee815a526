#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "rank/id_pattern.h"
#include "rank/placeholders.h"
#include "rank/recipe_fields.h"

namespace dear {
namespace {

// RankLLM's constants: listwise/rank_listwise_os_llm.py and reranker.py.
constexpr int64_t kContext = 4096;
constexpr int64_t kWords = 300;
constexpr int64_t kWindow = 20;
constexpr int64_t kStep = 10;
constexpr int64_t kReasoningTokens = 10000;

struct Renamed {
  std::string_view theirs, ours;
};

// What a prompt fills in (prompt.cc).
constexpr std::array kFilled = {"query", "num",     "ids",   "passages", "id",
                                "text",  "passage", "title", "score"};

// A text for Python's str.format as one of our templates: {{ and }} are braces, and only plain
// names stand between single ones.
std::string FromPythonFormat(YamlFields& fields, const char* key, std::string_view text,
                             std::initializer_list<Renamed> names) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool twice = at + 1 < text.size() && text[at + 1] == c;
    if ((c != '{' && c != '}') || twice) {
      out.push_back(c);
      if (c == '{' || c == '}') ++at;
      // "{{query}}" stands for the text "{query}", which would be filled in.
      for (const char* name : kFilled) {
        if (c == '}' && out.ends_with("{" + std::string(name) + "}")) {
          fields.Fail(key,
                      "holds the literal text {" + std::string(name) + "}, which is not supported");
        }
      }
      continue;
    }
    const size_t end = text.find('}', at);
    if (c == '}' || end == std::string_view::npos) {
      fields.Fail(key, "holds a single brace that is no placeholder");
    }
    const std::string_view name = text.substr(at + 1, end - at - 1);
    const auto* found = std::ranges::find(names, name, &Renamed::theirs);
    if (found == names.end()) {
      std::string known;
      for (const Renamed& n : names)
        known += (known.empty() ? "{" : ", {") + std::string(n.theirs) + "}";
      fields.Fail(key, "has the placeholder {" + std::string(name) + "}; known here are " +
                           (known.empty() ? "none" : known));
    }
    out += found->ours;
    at = end;
  }
  return out;
}

// The value of a Python string literal (r"…", '…'); a text that is none stands for itself.
std::string FromPythonLiteral(YamlFields& fields, const char* key, std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  const bool raw = text.starts_with("r\"") || text.starts_with("r'");
  const std::string_view rest = raw ? text.substr(1) : text;
  if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) return std::string(text);
  if (rest.size() < 2 || rest.back() != rest[0])
    fields.Fail(key, "is a text without its end quote");
  const std::string_view inside = rest.substr(1, rest.size() - 2);
  if (raw) return std::string(inside);
  std::string out;
  for (size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == '\\' && i + 1 < inside.size()) {
      const char next = inside[i + 1];
      if (next == '\\' || next == '"' || next == '\'') ++i;
    }
    out.push_back(inside[i]);
  }
  return out;
}

std::string ReadRegex(YamlFields& fields, const char* key) {
  std::string pattern = FromPythonLiteral(fields, key, fields.RequireString(key));
  try {
    const IdPattern check(pattern);
  } catch (const Error& error) {
    fields.Fail(key, error.message());
  }
  return pattern;
}

// A section of the template; empty where it is absent.
std::string Section(YamlFields& fields, const char* key, std::initializer_list<Renamed> names) {
  return FromPythonFormat(fields, key, fields.String(key, ""), names);
}

void RequirePlaceholders(YamlFields& fields, const char* key, const std::string& text,
                         std::initializer_list<Renamed> names) {
  const std::vector<std::string> found = PlaceholdersIn(text);
  for (const Renamed& name : names) {
    const std::string ours(name.ours.substr(1, name.ours.size() - 2));
    if (std::ranges::find(found, ours) == found.end()) {
      fields.Fail(key, "misses the placeholder {" + std::string(name.theirs) + "}");
    }
  }
}

constexpr Renamed kQuery{"query", "{query}"};
constexpr Renamed kNum{"num", "{num}"};
constexpr Renamed kRank{"rank", "{id}"};
constexpr Renamed kCandidate{"candidate", "{passage}"};
constexpr Renamed kScore{"score", "{score}"};
constexpr Renamed kIds{"psg_ids", "[{ids}]"};

void AddMessage(Recipe* recipe, const char* role, std::string content) {
  recipe->prompt.blocks.push_back({false, {{role, std::move(content)}}});
}

void AddSystem(YamlFields& fields, Recipe* recipe) {
  std::string system = Section(fields, "system_message", {});
  if (!system.empty()) AddMessage(recipe, "system", std::move(system));
}

void ReadSingleTurn(YamlFields& fields, Recipe* recipe) {
  AddSystem(fields, recipe);
  const std::string prefix = Section(fields, "prefix", {kQuery, kNum});
  const std::string suffix = Section(fields, "suffix", {kQuery, kNum, kIds});
  fields.RequireString("body");
  recipe->prompt.passage = Section(fields, "body", {kRank, kCandidate, kScore});
  RequirePlaceholders(fields, "body", recipe->prompt.passage, {kRank, kCandidate});
  RequirePlaceholders(fields, fields.Has("prefix") ? "prefix" : "suffix", prefix + suffix,
                      {kQuery});
  AddMessage(recipe, "user", prefix + "{passages}" + suffix);
}

void ReadMultiTurn(YamlFields& fields, Recipe* recipe) {
  AddSystem(fields, recipe);
  const std::string prefix = Section(fields, "prefix_user", {kQuery, kNum});
  const std::string prefix_answer = Section(fields, "prefix_assistant", {kQuery, kNum});
  fields.RequireString("body_user");
  std::string body = Section(fields, "body_user", {kRank, kCandidate});
  std::string body_answer = Section(fields, "body_assistant", {kRank});
  std::string suffix = Section(fields, "suffix_user", {kQuery, kNum});
  RequirePlaceholders(fields, "body_user", body, {kRank, kCandidate});
  RequirePlaceholders(fields, fields.Has("prefix_user") ? "prefix_user" : "suffix_user",
                      prefix + suffix, {kQuery});
  const bool answers_prefix = fields.Has("prefix_assistant");
  const bool answers_body = fields.Has("body_assistant");
  if (!answers_prefix && !answers_body) {
    fields.Fail("method",
                "needs prefix_assistant or body_assistant: without either there is one "
                "turn alone");
  }
  if (answers_prefix && prefix.empty()) fields.Fail("prefix_assistant", "needs prefix_user");
  if (answers_body && !prefix.empty() && !answers_prefix) {
    fields.Fail("prefix_user", "needs prefix_assistant where there is body_assistant");
  }
  if (!prefix.empty()) {
    AddMessage(recipe, "user", prefix);
    AddMessage(recipe, "assistant", prefix_answer);
  }
  if (answers_body) {
    recipe->prompt.blocks.push_back(
        {true, {{"user", std::move(body)}, {"assistant", std::move(body_answer)}}});
    if (!suffix.empty()) AddMessage(recipe, "user", std::move(suffix));
  } else {
    recipe->prompt.passage = std::move(body);
    AddMessage(recipe, "user", "{passages}" + suffix);
  }
}

// What RankLLM does in code with every listwise template.
void AddRankLlmRules(Recipe* recipe) {
  recipe->query = {.clean = true, .escape_ids = true};
  recipe->passage = {.with_title = "Title: {title} Content: {text}",
                     .strip = true,
                     .clean = true,
                     .cut = {CutUnit::kWords, kWords, kWindow},
                     .escape_ids = true};
  recipe->prompt.chat = true;
  recipe->prompt.separator = "";
  recipe->prompt.id_item = "PASSAGE{id}";
  recipe->prompt.special_tokens = true;
  recipe->prompt.context = kContext;
  recipe->prompt.shrink = Shrink::kRankLlmWords;
  recipe->prompt.skip_thinking = true;
  recipe->answer.after_last = {"</think>"};
  recipe->answer.fold_digits = true;
  recipe->answer.item = "[{id}]";
  recipe->answer.separator = " > ";
  recipe->reasoning.max_new_tokens = kReasoningTokens;
  recipe->window = {.size = kWindow, .step = kStep};
}

}  // namespace

bool IsRankLlmTemplate(const YamlFields& fields) {
  return fields.Has("method") && !fields.Has("kind");
}

Recipe ReadRankLlmTemplate(YamlFields& fields, const std::string& name) {
  Recipe recipe;
  recipe.name = name;
  recipe.kind = RecipeKind::kListwise;
  const std::string method = fields.RequireString("method");
  recipe.description = "RankLLM template, " + method;
  if (method == "pointwise" || method == "pairwise" || method == "rankfid") {
    fields.Fail("method", "is '" + method +
                              "': RankLLM's form for T5 models, which are not supported here "
                              "(singleturn_listwise and multiturn_listwise are)");
  }
  const bool multi = method == "multiturn_listwise";
  if (!multi && method != "singleturn_listwise") {
    fields.Fail("method",
                "is '" + method + "', but must be singleturn_listwise or multiturn_listwise");
  }
  AddRankLlmRules(&recipe);
  if (multi) {
    ReadMultiTurn(fields, &recipe);
  } else {
    ReadSingleTurn(fields, &recipe);
  }
  recipe.answer.valid = ReadRegex(fields, "output_validation_regex");
  recipe.answer.counted = ReadRegex(fields, "output_extraction_regex");
  const bool letters = recipe.answer.counted.find("[A-Z]") != std::string::npos;
  recipe.ids = letters ? IdStyle::kLetters : IdStyle::kOneBased;
  recipe.answer.pattern = letters ? "(?<![A-Za-z])[A-Z](?![A-Za-z])" : "\\d+";
  fields.Finish();
  return recipe;
}

}  // namespace dear

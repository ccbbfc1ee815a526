#include "rank/recipe.h"

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <utility>

#include "base/embedded.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "rank/id_pattern.h"
#include "rank/placeholders.h"
#include "text/chat_format.h"
#include "text/yaml_fields.h"

namespace dear {

std::span<const EmbeddedFile> EmbeddedFiles_recipes();

namespace {

constexpr int64_t kMaxTokens = int64_t{1} << 24;
constexpr int64_t kMaxCut = int64_t{1} << 32;

// A text whose placeholders must be among `allowed`.
std::string Template(YamlFields& fields, const char* key, std::string text,
                     std::initializer_list<std::string_view> allowed) {
  for (const std::string& name : PlaceholdersIn(text)) {
    if (std::ranges::find(allowed, name) == allowed.end()) {
      fields.Fail(key, "has the placeholder {" + name + "}, which is not known here");
    }
  }
  return text;
}

TextCut ReadCut(YamlFields& fields) {
  auto cut = fields.Map("cut");
  if (!cut) return {};
  TextCut out;
  int given = 0;
  for (const auto& [key, unit] :
       {std::pair{"chars", CutUnit::kChars}, std::pair{"words", CutUnit::kWords},
        std::pair{"tokens", CutUnit::kTokens}}) {
    if (const auto length = cut->Int(key, 1, kMaxCut)) {
      out = {unit, *length};
      ++given;
    }
  }
  cut->Finish();
  if (given != 1) fields.Fail("cut", "must hold one of chars, words, tokens");
  return out;
}

TextRule ReadTextRule(YamlFields& fields, const char* key) {
  TextRule rule;
  auto map = fields.Map(key);
  if (!map) return rule;
  rule.remove = map->Strings("remove");
  if (std::ranges::any_of(rule.remove, &std::string::empty)) {
    map->Fail("remove", "holds an empty text");
  }
  rule.strip = map->Bool("strip").value_or(false);
  rule.escape_ids = map->Bool("escape_ids").value_or(false);
  rule.cut = ReadCut(*map);
  map->Finish();
  return rule;
}

MessageTemplate ReadMessage(YamlFields& fields, bool each_passage) {
  MessageTemplate message;
  message.role = fields.RequireString("role");
  if (message.role != "system" && message.role != "user" && message.role != "assistant") {
    fields.Fail("role", "must be system, user or assistant");
  }
  std::string content = fields.RequireString("content");
  message.content =
      each_passage ? Template(fields, "content", std::move(content),
                              {"query", "num", "id", "passage", "title", "text"})
                   : Template(fields, "content", std::move(content), {"query", "num", "passages"});
  fields.Finish();
  return message;
}

std::vector<MessageBlock> ReadBlocks(YamlFields& prompt) {
  std::vector<MessageBlock> blocks;
  for (YamlFields& entry : prompt.Maps("messages")) {
    MessageBlock block;
    if (entry.Has("each_passage")) {
      block.each_passage = true;
      for (YamlFields& message : entry.Maps("each_passage")) {
        block.messages.push_back(ReadMessage(message, true));
      }
      entry.Finish();
    } else {
      block.messages.push_back(ReadMessage(entry, false));
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

PromptTemplate ReadPrompt(YamlFields& fields, RecipeKind kind) {
  auto map = fields.Map("prompt");
  if (!map) fields.Fail("prompt", "is missing");
  PromptTemplate prompt;
  prompt.chat = map->Has("messages");
  if (prompt.chat == map->Has("text")) {
    map->Fail("text", "or 'messages' must be given, and not both");
  }
  if (prompt.chat) {
    if (kind != RecipeKind::kListwise) map->Fail("messages", "belongs to listwise recipes");
    prompt.blocks = ReadBlocks(*map);
    prompt.chat_format = map->String("chat_format", "");
    if (!prompt.chat_format.empty()) FindChatFormat(prompt.chat_format);
  } else if (kind == RecipeKind::kListwise) {
    prompt.text = Template(*map, "text", map->RequireString("text"), {"query", "num", "passages"});
  } else {
    prompt.text = Template(*map, "text", map->RequireString("text"), {"passage", "title", "text"});
  }
  if (kind == RecipeKind::kListwise) {
    prompt.passage =
        Template(*map, "passage", map->String("passage", ""), {"id", "passage", "title", "text"});
    prompt.separator = map->String("separator", "\n");
  }
  // A chat format writes the special tokens itself.
  prompt.special_tokens = map->Bool("special_tokens").value_or(!prompt.chat);
  prompt.truncate = map->Int("truncate", 1, kMaxTokens).value_or(0);
  map->Finish();
  return prompt;
}

// Every passage must enter the prompt once, or a ranking would be of passages never shown.
void CheckShowsPassages(YamlFields& fields, const PromptTemplate& prompt) {
  int lists = 0;
  const auto count = [&](const std::string& text, std::string_view name) {
    return static_cast<int>(std::ranges::count(PlaceholdersIn(text), name));
  };
  lists += count(prompt.text, "passages");
  for (const MessageBlock& block : prompt.blocks) {
    lists += block.each_passage ? 1 : count(block.messages.front().content, "passages");
  }
  if (lists != 1) {
    fields.Fail("prompt", "must show the passages once ({passages} or each_passage), not " +
                              std::to_string(lists) + " times");
  }
  const bool by_line = std::ranges::none_of(prompt.blocks, &MessageBlock::each_passage);
  if (by_line == prompt.passage.empty()) {
    fields.Fail("prompt", by_line ? "needs 'passage', the line of one passage in {passages}"
                                  : "has 'passage' beside each_passage");
  }
}

DecodingDefaults ReadDecoding(YamlFields& fields) {
  DecodingDefaults out;
  auto map = fields.Map("decoding");
  if (!map) fields.Fail("decoding", "is missing");
  out.temperature = map->Number("temperature", 0, 100).value_or(0);
  out.top_k = map->Int("top_k", 0, kMaxTokens).value_or(0);
  out.top_p = map->Number("top_p", 0, 1).value_or(1);
  out.max_new_tokens = map->Int("max_new_tokens", 1, kMaxTokens);
  if (auto ranking = map->Map("enough_for_ranking")) {
    if (out.max_new_tokens)
      map->Fail("max_new_tokens", "and enough_for_ranking exclude each other");
    out.spare = ranking->Int("spare", 0, kMaxTokens).value_or(0);
    out.at_least = ranking->Int("at_least", 0, kMaxTokens).value_or(0);
    ranking->Finish();
  } else if (!out.max_new_tokens) {
    map->Fail("max_new_tokens", "or enough_for_ranking must be given");
  }
  map->Finish();
  return out;
}

AnswerRule ReadAnswer(YamlFields& fields) {
  AnswerRule out;
  auto map = fields.Map("answer");
  if (!map) fields.Fail("answer", "is missing");
  out.pattern = map->RequireString("pattern");
  try {
    const IdPattern check(out.pattern);
  } catch (const Error& error) {
    map->Fail("pattern", error.message());
  }
  out.after = map->Strings("after");
  out.item = Template(*map, "item", map->String("item", "[{id}]"), {"id"});
  out.separator = map->String("separator", " > ");
  map->Finish();
  return out;
}

void ReadListwise(YamlFields& fields, Recipe* recipe) {
  recipe->ids =
      static_cast<IdStyle>(fields.Choice("ids", {"zero_based", "one_based", "letters"}, 0));
  recipe->prompt = ReadPrompt(fields, recipe->kind);
  CheckShowsPassages(fields, recipe->prompt);
  recipe->decoding = ReadDecoding(fields);
  recipe->answer = ReadAnswer(fields);
  if (auto map = fields.Map("reasoning")) {
    recipe->reasoning.after = map->Strings("after");
    recipe->reasoning.max_new_tokens = map->Int("max_new_tokens", 0, kMaxTokens).value_or(0);
    map->Finish();
  }
  if (auto map = fields.Map("window")) {
    WindowRule& window = recipe->window;
    window.size = map->Int("size", 2, kMaxTokens).value_or(0);
    window.step = map->Int("step", 1, kMaxTokens).value_or(0);
    window.depth = map->Int("depth", 1, kMaxTokens).value_or(0);
    if (window.size == 0) map->Fail("size", "is missing");
    if (window.step == 0 || window.step > window.size) {
      map->Fail("step", "must be from 1 to the size: passages between windows would be lost");
    }
    map->Finish();
  }
}

void ReadPair(YamlFields& fields, PairRule* pair) {
  auto map = fields.Map("pair");
  if (!map) fields.Fail("pair", "is missing");
  pair->query = Template(*map, "query", map->RequireString("query"), {"query"});
  pair->document =
      Template(*map, "document", map->RequireString("document"), {"passage", "title", "text"});
  pair->max_length = map->Int("max_length", 1, kMaxTokens).value_or(0);
  pair->truncation = static_cast<PairTruncation>(map->Choice("truncation", {"longest_first"}, 0));
  map->Finish();
  if (auto score = fields.Map("score")) {
    score->Choice("head", {"linear"}, 0);
    pair->pooling = static_cast<Pooling>(score->Choice("pooling", {"last_token"}, 0));
    pair->label = score->Int("label", 0, kMaxTokens).value_or(0);
    pair->transform =
        static_cast<ScoreTransform>(score->Choice("transform", {"logit", "sigmoid"}, 0));
    score->Finish();
  }
}

}  // namespace

std::string_view RecipeKindName(RecipeKind kind) {
  switch (kind) {
    case RecipeKind::kListwise: return "listwise";
    case RecipeKind::kPointwise: return "pointwise";
    case RecipeKind::kQueryLikelihood: return "query_likelihood";
  }
  return "";
}

Recipe ParseRecipe(std::string_view yaml, const std::string& name, const std::string& context) {
  YamlFields fields(ParseYaml(yaml, context), context);
  Recipe recipe;
  recipe.name = fields.String("name", name.c_str());
  recipe.description = fields.String("description", "");
  if (!fields.Has("kind")) fields.Fail("kind", "is missing");
  recipe.kind = static_cast<RecipeKind>(
      fields.Choice("kind", {"listwise", "pointwise", "query_likelihood"}, 0));
  recipe.query = ReadTextRule(fields, "query");
  recipe.passage = ReadTextRule(fields, "passage");
  switch (recipe.kind) {
    case RecipeKind::kListwise: ReadListwise(fields, &recipe); break;
    case RecipeKind::kPointwise: ReadPair(fields, &recipe.pair); break;
    case RecipeKind::kQueryLikelihood:
      recipe.prompt = ReadPrompt(fields, recipe.kind);
      recipe.continuation =
          Template(fields, "continuation", fields.RequireString("continuation"), {"query"});
      break;
  }
  fields.Finish();
  return recipe;
}

Recipe LoadRecipe(const std::string& name_or_path) {
  // JSON is YAML.
  if (name_or_path.ends_with(".yaml") || name_or_path.ends_with(".yml") ||
      name_or_path.ends_with(".json")) {
    const std::filesystem::path path(name_or_path);
    return ParseRecipe(ReadFile(path, size_t{1} << 20), path.stem().string(), name_or_path);
  }
  for (const EmbeddedFile& file : EmbeddedFiles_recipes()) {
    if (file.name == name_or_path) {
      return ParseRecipe(file.text, name_or_path, "recipes/" + name_or_path + ".yaml");
    }
  }
  std::string names;
  for (const std::string& name : RecipeNames()) names += (names.empty() ? "" : ", ") + name;
  throw Error(
      ErrorCode::kNotFound, "recipe '" + name_or_path + "'",
      "there is none of this name; known are " + names + ", or give a file that ends in .yaml");
}

std::vector<std::string> RecipeNames() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : EmbeddedFiles_recipes()) names.emplace_back(file.name);
  std::ranges::sort(names);
  return names;
}

}  // namespace dear

#include <algorithm>
#include <array>
#include <utility>

#include "rank/placeholders.h"
#include "rank/recipe_fields.h"
#include "text/chat_format.h"

namespace dear {
namespace {

MessageTemplate ReadMessage(YamlFields& fields, bool each_passage) {
  MessageTemplate message;
  message.role = fields.RequireString("role");
  if (message.role != "system" && message.role != "user" && message.role != "assistant") {
    fields.Fail("role", "must be system, user or assistant");
  }
  std::string content = fields.RequireString("content");
  message.content =
      each_passage ? CheckedTemplate(fields, "content", std::move(content),
                                     {"query", "num", "id", "passage", "title", "text", "score"})
                   : CheckedTemplate(fields, "content", std::move(content),
                                     {"query", "num", "ids", "passages"});
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

// The fields that belong to listwise prompts alone.
void ReadPassageLines(YamlFields& map, PromptTemplate* prompt) {
  prompt->passage = CheckedTemplate(map, "passage", map.String("passage", ""),
                                    {"id", "passage", "title", "text", "score"});
  prompt->separator = map.String("separator", "\n");
  prompt->id_item = CheckedTemplate(map, "id_item", map.String("id_item", "[{id}]"), {"id"});
  prompt->id_separator = map.String("id_separator", ", ");
  prompt->skip_thinking = map.Bool("skip_thinking").value_or(false);
  prompt->begin_answer = map.String("begin_answer", "");
  prompt->context = map.Int("context", 1, kMaxRecipeTokens).value_or(0);
  prompt->shrink = static_cast<Shrink>(map.Choice("shrink", {"characters", "rankllm_words"}, 0));
}

// Every passage must enter the prompt once, under its id and beside the query, or a ranking would
// be of passages never shown.
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
  // Texts of one passage, and those around them.
  std::vector<std::string> of_passage = {prompt.passage};
  std::vector<std::string> around = {prompt.text};
  for (const MessageBlock& block : prompt.blocks) {
    for (const MessageTemplate& message : block.messages)
      (block.each_passage ? of_passage : around).push_back(message.content);
  }
  const auto hold = [](const std::vector<std::string>& texts,
                       std::initializer_list<std::string_view> names) {
    return std::ranges::any_of(
        texts, [&](const std::string& text) { return HoldsPlaceholder(text, names); });
  };
  if (!hold(of_passage, {"passage", "text"}))
    fields.Fail("prompt", "misses the placeholder {passage} or {text} of one passage");
  if (!hold(of_passage, {"id"}))
    fields.Fail("prompt",
                "misses the placeholder {id} of one passage, by which an answer names it");
  if (!hold(around, {"query"}) && !hold(of_passage, {"query"}))
    fields.Fail("prompt", "misses the placeholder {query}");
}

DecodingDefaults ReadDecoding(YamlFields& fields) {
  DecodingDefaults out;
  auto map = fields.Map("decoding");
  if (!map) fields.Fail("decoding", "is missing");
  constexpr std::array kMethods = {Decoding::kPermutation, Decoding::kGreedy,
                                   Decoding::kConstrained};
  out.method = kMethods[static_cast<size_t>(
      map->Choice("method", {"permutation", "greedy", "constrained"}, 0))];
  out.temperature = map->Number("temperature", 0, 100).value_or(0);
  out.top_k = map->Int("top_k", 0, kMaxRecipeTokens).value_or(0);
  out.top_p = map->Number("top_p", 0, 1).value_or(1);
  out.max_new_tokens = map->Int("max_new_tokens", 1, kMaxRecipeTokens);
  out.first_token = map->Bool("first_token").value_or(false);
  auto ranking = map->Map("enough_for_ranking");
  const int ways = (out.max_new_tokens ? 1 : 0) + (ranking ? 1 : 0) + (out.first_token ? 1 : 0);
  if (ways > 1) {
    map->Fail("max_new_tokens", "enough_for_ranking and first_token exclude each other");
  }
  if (out.first_token && map->Has("method")) {
    map->Fail("method", "and first_token exclude each other");
  }
  if (ways == 0) {
    map->Fail("max_new_tokens", "or enough_for_ranking or first_token must be given");
  }
  if (ranking) {
    out.spare = ranking->Int("spare", 0, kMaxRecipeTokens).value_or(0);
    out.at_least = ranking->Int("at_least", 0, kMaxRecipeTokens).value_or(0);
    ranking->Finish();
  }
  map->Finish();
  return out;
}

AnswerRule ReadAnswer(YamlFields& fields, bool first_token) {
  AnswerRule out;
  auto map = fields.Map("answer");
  if (!map) {
    // Nothing is written, so nothing is read.
    if (first_token) return {.item = "[{id}]", .separator = " > "};
    fields.Fail("answer", "is missing");
  }
  out.pattern = CheckedPattern(*map, "pattern");
  if (out.pattern.empty()) map->Fail("pattern", "is missing");
  out.after = map->Strings("after");
  out.after_last = map->Strings("after_last");
  out.before = map->Strings("before");
  out.valid = CheckedPattern(*map, "valid");
  out.counted = CheckedPattern(*map, "counted");
  out.fold_digits = map->Bool("fold_digits").value_or(false);
  out.item = CheckedTemplate(*map, "item", map->String("item", "[{id}]"), {"id"});
  if (std::ranges::count(PlaceholdersIn(out.item), "id") != 1) {
    map->Fail("item", "must have the placeholder {id} once");
  }
  out.separator = map->String("separator", " > ");
  map->Finish();
  return out;
}

void ReadWindow(YamlFields& fields, WindowRule* window) {
  auto map = fields.Map("window");
  if (!map) return;
  window->size = map->Int("size", 2, kMaxRecipeTokens).value_or(0);
  window->step = map->Int("step", 1, kMaxRecipeTokens).value_or(0);
  window->depth = map->Int("depth", 1, kMaxRecipeTokens).value_or(0);
  window->skip = map->Int("skip", 0, kMaxRecipeTokens).value_or(0);
  window->passes = map->Int("passes", 1, kMaxRecipeTokens).value_or(1);
  window->order =
      static_cast<WindowOrder>(map->Choice("order", {"sliding", "partition", "tournament"}, 0));
  if (window->size == 0) map->Fail("size", "is missing");
  if (window->step > window->size) {
    map->Fail("step", "must be from 1 to the size: passages between windows would be lost");
  }
  map->Finish();
}

}  // namespace

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
  } else {
    std::string text = map->RequireString("text");
    switch (kind) {
      case RecipeKind::kListwise:
        prompt.text =
            CheckedTemplate(*map, "text", std::move(text), {"query", "num", "ids", "passages"});
        break;
      case RecipeKind::kPointwise:
        prompt.text = CheckedTemplate(*map, "text", std::move(text),
                                      {"query", "instruction", "passage", "title", "text"});
        break;
      case RecipeKind::kQueryLikelihood:
        prompt.text = CheckedTemplate(*map, "text", std::move(text), {"passage", "title", "text"});
        break;
    }
  }
  if (kind == RecipeKind::kListwise) ReadPassageLines(*map, &prompt);
  // A chat format writes the special tokens itself.
  prompt.special_tokens = map->Bool("special_tokens").value_or(!prompt.chat);
  prompt.truncate = map->Int("truncate", 1, kMaxRecipeTokens).value_or(0);
  map->Finish();
  return prompt;
}

void ReadListwise(YamlFields& fields, Recipe* recipe) {
  recipe->ids =
      static_cast<IdStyle>(fields.Choice("ids", {"zero_based", "one_based", "letters"}, 0));
  recipe->prompt = ReadPrompt(fields, recipe->kind);
  CheckShowsPassages(fields, recipe->prompt);
  recipe->decoding = ReadDecoding(fields);
  recipe->answer = ReadAnswer(fields, recipe->decoding.first_token);
  if (auto map = fields.Map("reasoning")) {
    recipe->reasoning.always = map->Bool("always").value_or(false);
    recipe->reasoning.after = map->Strings("after");
    recipe->reasoning.max_new_tokens = map->Int("max_new_tokens", 0, kMaxRecipeTokens).value_or(0);
    map->Finish();
    if (recipe->decoding.first_token) {
      fields.Fail("reasoning", "and decoding.first_token exclude each other");
    }
  }
  ReadWindow(fields, &recipe->window);
}

}  // namespace dear

#include "train/sft_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "train/sft_template_table.h"

namespace dear {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::filesystem::path kTokenizers =
    std::filesystem::path(DEAR_SOURCE_DIR) / "tests/golden/text/tokenizers";
const std::filesystem::path kGoldenFiles =
    std::filesystem::path(DEAR_SOURCE_DIR) / "tests/golden/train";

// A tiny tokenizer with more special tokens behind its last.
std::shared_ptr<const Tokenizer> TinyTokenizer(const std::string& base,
                                               const std::vector<std::string>& added,
                                               const Json& config = {{"bos_token", "<s>"},
                                                                     {"eos_token", "</s>"}}) {
  Json json = ReadJsonFile(kTokenizers / (base + ".json"));
  int64_t next = 0;
  for (const auto& [token, id] : json["model"]["vocab"].items()) {
    next = std::max(next, id.get<int64_t>() + 1);
  }
  for (const Json& token : json["added_tokens"])
    next = std::max(next, token["id"].get<int64_t>() + 1);
  for (const std::string& token : added) {
    json["added_tokens"].push_back({{"id", next++},
                                    {"content", token},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", true}});
  }
  return Tokenizer::FromJson(json.dump(), config.dump(), base);
}

SftExample Conversation(const std::string& system, const std::vector<std::string>& texts) {
  SftExample example;
  example.system = system;
  for (const std::string& text : texts) {
    example.turns.push_back({example.turns.size() % 2 == 0 ? "user" : "assistant", text});
  }
  return example;
}

SftTemplateOptions TemplateOptions(const Json& json) {
  SftTemplateOptions options;
  const JsonFields fields(json, "options");
  options.cutoff_len = fields.Int("cutoff_len", options.cutoff_len);
  options.train_on_prompt = fields.Bool("train_on_prompt", false);
  options.mask_history = fields.Bool("mask_history", false);
  options.turns.default_system = fields.String("default_system");
  options.turns.preserve_thinking = fields.Bool("preserve_thinking", false);
  if (json.contains("enable_thinking")) {
    options.turns.enable_thinking = fields.Bool("enable_thinking");
  }
  return options;
}

std::vector<TokenId> Ids(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<TokenId>(stream), {}};
}

std::vector<uint8_t> Mask(const Json& runs) {
  std::vector<uint8_t> mask;
  for (size_t i = 0; i < runs.size(); ++i) mask.insert(mask.end(), runs[i].get<size_t>(), i % 2);
  return mask;
}

SftTokens EncodeGolden(const Json& goldens, const Json& golden,
                       std::shared_ptr<const Tokenizer> tokenizer) {
  const Json& conversation = goldens.at("conversations").at(golden.at("conversation"));
  const Json& name = golden.at("template");
  const SftTemplate chat(name.is_null() ? "auto" : name.get<std::string>(), std::move(tokenizer),
                         TemplateOptions(golden.at("options")));
  return chat.Encode(Conversation(conversation.at("system"), conversation.at("turns")));
}

TEST(SftTemplateGolden, GivesTheTokensAndLabelsOfLlamaFactory) {
  const Json goldens = ReadJsonFile(kGoldenFiles / "sft_tokens.json");
  std::map<std::string, std::shared_ptr<const Tokenizer>> tokenizers;
  for (const auto& [name, tokenizer] : goldens.at("tokenizers").items()) {
    tokenizers[name] = TinyTokenizer(tokenizer.at("base"), tokenizer.at("added"));
  }
  std::set<std::string> seen;
  for (const Json& golden : goldens.at("cases")) {
    SCOPED_TRACE(golden.dump());
    const SftTokens tokens = EncodeGolden(goldens, golden, tokenizers.at(golden.at("tokenizer")));
    EXPECT_EQ(tokens.ids, Ids(golden.at("ids")));
    EXPECT_EQ(tokens.trained, Mask(golden.at("runs")));
    seen.insert(golden.at("template"));
  }
  for (const SftTemplateText& text : SftTemplateTexts()) {
    if (text.name == "plain") continue;  // our own
    EXPECT_TRUE(seen.contains(std::string(text.name))) << text.name << " has no golden";
  }
}

// The default model's, from the user's cache.
std::shared_ptr<const Tokenizer> SmolLm2() {
  const char* home = std::getenv("HOME");
  const std::filesystem::path path = std::filesystem::path(home == nullptr ? "" : home) /
                                     ".cache/dear/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return nullptr;
  return Tokenizer::Open(path);
}

TEST(SmolLm2SftTemplateGolden, GivesTheTokensAndLabelsOfLlamaFactory) {
  const auto tokenizer = SmolLm2();
  if (tokenizer == nullptr) GTEST_SKIP() << "the default model is not in the cache";
  const Json goldens = ReadJsonFile(kGoldenFiles / "sft_smollm2.json");
  for (const Json& golden : goldens.at("cases")) {
    SCOPED_TRACE(golden.dump());
    const SftTokens tokens = EncodeGolden(goldens, golden, tokenizer);
    EXPECT_EQ(tokens.ids, Ids(golden.at("ids")));
    EXPECT_EQ(tokens.trained, Mask(golden.at("runs")));
  }
}

// What the masked and the trained stretches say, in turn.
std::vector<std::string> Stretches(const Tokenizer& tokenizer, const SftTokens& tokens) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin < tokens.ids.size();) {
    size_t end = begin;
    while (end < tokens.ids.size() && tokens.trained[end] == tokens.trained[begin]) ++end;
    out.push_back(tokenizer.Decode(std::span(tokens.ids).subspan(begin, end - begin), false));
    begin = end;
  }
  return out;
}

std::shared_ptr<const Tokenizer> ByteTokenizer() {
  return TinyTokenizer("llama3", {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                                  "<|eot_id|>", "<|im_start|>", "<|im_end|>"});
}

std::vector<std::string> EncodeBy(const std::string& name, const SftExample& example,
                                  const SftTemplateOptions& options = {}) {
  const auto tokenizer = ByteTokenizer();
  return Stretches(*tokenizer, SftTemplate(name, tokenizer, options).Encode(example));
}

TEST(SftTemplate, ChatFormatsOfOurOwnAreCutWhereTheAnswersStand) {
  EXPECT_THAT(EncodeBy("llama3_1", Conversation("S", {"a ", " b", "c", "d"})),
              ElementsAre("<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting "
                          "Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\nS<|eot_id|>"
                          "<|start_header_id|>user<|end_header_id|>\n\na<|eot_id|>"
                          "<|start_header_id|>assistant<|end_header_id|>\n\n",
                          "b<|eot_id|>",
                          "<|start_header_id|>user<|end_header_id|>\n\nc<|eot_id|>"
                          "<|start_header_id|>assistant<|end_header_id|>\n\n",
                          "d<|eot_id|>"));
  EXPECT_THAT(EncodeBy("mistral_v3", Conversation("", {"a", "b", "c", "d"})),
              ElementsAre("<s>[INST] a[/INST]", " b</s>", "[INST] c[/INST]", " d</s>"));
}

TEST(SftTemplate, EveryChatFormatTrainsTheAnswersAndWritesTheWholeConversation) {
  const auto tokenizer = ByteTokenizer();
  for (const std::string& name : SftTemplateNames()) {
    if (std::ranges::find(SftTemplateTexts(), name, &SftTemplateText::name) !=
        SftTemplateTexts().end()) {
      continue;
    }
    SCOPED_TRACE(name);
    const SftExample example = Conversation("", {"ask", "tell", "ask more", "tell more"});
    const auto stretches = Stretches(*tokenizer, SftTemplate(name, tokenizer).Encode(example));
    ASSERT_EQ(stretches.size(), 4u);
    EXPECT_THAT(stretches[0], HasSubstr("ask"));
    EXPECT_THAT(stretches[1], HasSubstr("tell"));
    EXPECT_THAT(stretches[2], HasSubstr("ask more"));
    EXPECT_THAT(stretches[3], HasSubstr("tell more"));
    EXPECT_EQ(stretches[0] + stretches[1] + stretches[2] + stretches[3],
              FindChatFormat(name)->Render(example.turns, false));
  }
}

// What `dear rerank` gives the model for a recipe without a chat format, then the answer's end.
TEST(SftTemplate, APlainPromptHasTheTokensOfThePlainText) {
  for (const char* base : {"llama3", "llama2", "qwen2"}) {
    SCOPED_TRACE(base);
    const auto tokenizer = TinyTokenizer(base, {});
    const SftTemplate plain("plain", tokenizer);
    const std::string prompt = "\n Rank: [0] light  bulb\n";
    std::vector<TokenId> ids = tokenizer->Encode(prompt).ids;
    std::vector<uint8_t> trained(ids.size(), 0);
    const auto answer = tokenizer->Encode("[1] > [0]", {.add_special_tokens = false}).ids;
    ids.insert(ids.end(), answer.begin(), answer.end());
    ids.push_back(tokenizer->eos_id().value());
    trained.resize(ids.size(), 1);
    const SftTokens tokens = plain.Encode(Conversation("", {prompt, "[1] > [0]"}));
    EXPECT_EQ(tokens.ids, ids);
    EXPECT_EQ(tokens.trained, trained);
    // The system's text is the first line of the prompt, and later turns begin no text.
    const auto with_system = plain.Encode(Conversation("S", {"a", "b", "c", "d"}));
    EXPECT_EQ(plain.Encode(Conversation("", {"S\na", "b", "c", "d"})).ids, with_system.ids);
    EXPECT_EQ(std::ranges::count(with_system.ids, tokenizer->eos_id().value()), 2);
  }
  // The test's own tokenizers do put something before a text.
  EXPECT_GT(TinyTokenizer("llama2", {})->Encode("a").ids.size(),
            TinyTokenizer("llama2", {})->Encode("a", {.add_special_tokens = false}).ids.size());
}

// Qwen3 writes an answer that others follow without its reasoning.
TEST(SftTemplate, AModelsOwnFormatIsRecognised) {
  Json config = {
      {"chat_template", "<|im_start|> <|im_end|> last_query_index enable_thinking '</think>' in "}};
  const auto tokenizer = TinyTokenizer("qwen2", {"<|im_start|>", "<|im_end|>"}, config);
  const SftExample example = Conversation("", {"a", "<think>\nhm\n</think>\n\nb", "c", "d"});
  for (const char* name : {"", "auto"}) {
    const SftTemplate chat(name, tokenizer);
    EXPECT_EQ(chat.name(), "qwen3");
    EXPECT_THAT(
        Stretches(*tokenizer, chat.Encode(example)),
        ElementsAre("<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n", "b<|im_end|>\n",
                    "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n",
                    "<think>\n\n</think>\n\nd<|im_end|>\n"));
  }
  EXPECT_THROW(SftTemplate("auto", TinyTokenizer("qwen2", {})), Error);
}

ErrorCode CodeOf(const std::function<void()>& act, const std::string& words) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(words));
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kInternal;
}

TEST(SftTemplate, WhatCannotBeDoneIsRefusedByName) {
  const auto tokenizer = ByteTokenizer();
  const auto make = [&](const char* name, SftTemplateOptions options = {}) {
    return [=] { SftTemplate(name, tokenizer, options); };
  };
  EXPECT_EQ(CodeOf(make("gemma2"), "alpaca"), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(make("gemma"), "<end_of_turn>"), ErrorCode::kUnsupported);
  EXPECT_EQ(CodeOf(make("llama3", {.cutoff_len = 0}), "cutoff_len"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(make("llama3", {.train_on_prompt = true, .mask_history = true}), "mask_history"),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf([] { SftTemplate("vicuna", TinyTokenizer("llama3", {}, Json::object())); },
                   "eos_token"),
            ErrorCode::kUnsupported);
  // This format drops the system message once an answer follows.
  const SftTemplate last_user("mistral_v3", tokenizer);
  EXPECT_EQ(CodeOf(
                [&] {
                  last_user.Encode(Conversation("S", {"a", "b"}));
                },
                "mistral_v3"),
            ErrorCode::kUnsupported);
  const SftTemplate no_system("mistral_legacy", tokenizer);
  EXPECT_EQ(CodeOf(
                [&] {
                  no_system.Encode(Conversation("S", {"a", "b"}));
                },
                "system"),
            ErrorCode::kInvalidArgument);
}

// On real text and a real vocabulary the seam before the answer is seen: there is a token for two
// line breaks.
TEST(SmolLm2SftTemplate, NoTokenReachesOverTheSeam) {
  const auto tokenizer = SmolLm2();
  if (tokenizer == nullptr) GTEST_SKIP() << "the default model is not in the cache";
  const SftExample example = Conversation("", {"light bulb?", "\n\n[1] > [0]"});
  const SftTokens tokens = SftTemplate("auto", tokenizer).Encode(example);
  EXPECT_THAT(Stretches(*tokenizer, tokens),
              ElementsAre(HasSubstr("<|im_start|>assistant\n"), "\n\n[1] > [0]<|im_end|>\n"));
  EXPECT_NE(tokens.ids, tokenizer->Encode(tokenizer->Decode(tokens.ids, false)).ids);
}

}  // namespace
}  // namespace dear

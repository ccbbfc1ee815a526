#include "text/chat_format.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"

namespace dear {
namespace {

const std::string kGoldens = std::string(DEAR_SOURCE_DIR) + "/tests/golden/chat/";

std::vector<ChatMessage> Messages(const Json& json) {
  std::vector<ChatMessage> out;
  for (const Json& message : json) out.push_back({message.at("role"), message.at("content")});
  return out;
}

TEST(ChatFormat, RendersWhatTransformersRenders) {
  std::istringstream lines(ReadFile(kGoldens + "conversations.jsonl"));
  int rendered = 0;
  int refused = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json golden = ParseJson(line, "conversations.jsonl");
    const auto format = FindChatFormat(golden.at("format").get<std::string>());
    const auto render = [&] {
      return format->Render(Messages(golden.at("messages")), golden.at("add_generation_prompt"));
    };
    if (golden.contains("text")) {
      std::string text;
      EXPECT_NO_THROW(text = render()) << line;
      EXPECT_EQ(text, golden.at("text").get<std::string>()) << line;
      ++rendered;
    } else {
      EXPECT_THROW(render(), Error) << line;
      ++refused;
    }
  }
  EXPECT_GT(rendered, 400);
  EXPECT_GT(refused, 50);
}

TEST(ChatFormat, IsRecognisedFromTheModelsTemplate) {
  const Json goldens = ReadJsonFile(kGoldens + "templates.json");
  std::vector<std::string> names;
  for (const auto& [name, text] : goldens.at("templates").items()) {
    EXPECT_EQ(RecognizeChatFormat(text.get<std::string>())->name(), name);
    names.push_back(name);
  }
  EXPECT_EQ(names, ChatFormatNames());  // each format has a golden
}

TEST(ChatFormat, AnUnknownTemplateIsAnErrorThatSaysHowToNameOne) {
  for (const char* text : {"", "{{ messages }}", "<|im_start|> You are Bob <|im_end|>"}) {
    try {
      RecognizeChatFormat(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
      EXPECT_NE(error.message().find("--chat-format"), std::string::npos) << error.what();
      EXPECT_NE(error.message().find("llama3"), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(FindChatFormat("no such"), Error);
}

TEST(ChatFormat, ConversationsThatNoTemplateTakes) {
  const auto format = FindChatFormat("chatml");
  EXPECT_THROW(format->Render({}, true), Error);
  const std::vector<ChatMessage> tool = {{"tool", "x"}};
  EXPECT_THROW(format->Render(tool, true), Error);
}

// A file with one thing wrong in it, and the words that the message must hold.
struct BadFile {
  const char* yaml;
  const char* line;
  const char* field;
};

TEST(ChatFormat, BadFilesNameLineAndField) {
  const BadFile files[] = {
      {"- a list", "file", "mapping"},
      {"turns: {", "file", "YAML"},
      {"bos: x\nturns:\n  user: {}\n  assistant: {}\n", "file", "recognize"},
      {"recognize: {all: [a]}\nturns:\n  user: {}\n", "file", "assistant"},
      {"recognize: {all: [a]}\nturns:\n  user: {prefx: a}\n  assistant: {}\n", ":3",
       "turns.user.prefx"},
      {"recognize: {all: [a]}\nturns:\n  user: {trim: 1}\n  assistant: {}\n", ":3", "trim"},
      {"recognize: {all: []}\nturns:\n  user: {}\n  assistant: {}\n", ":1", "recognize.all"},
      {"recognize: {all: [a]}\nbos: a\nbos: b\nturns: {}\n", ":3", "bos"},
      {"recognize: {all: [a]}\nturns: {user: {}, assistant: {}}\nsystem:\n  place: here\n", ":4",
       "place"},
      {"recognize: {all: [a]}\nturns: {user: {}, assistant: {}}\n[1, 2]: a\n", "file", "name"},
  };
  for (const BadFile& file : files) {
    try {
      ParseChatFormat(file.yaml, "x", "file");
      ADD_FAILURE() << file.yaml;
    } catch (const Error& error) {
      const std::string what = error.what();
      EXPECT_EQ(error.code(), ErrorCode::kInvalidFormat);
      EXPECT_NE(what.find(file.line), std::string::npos) << what;
      EXPECT_NE(what.find(file.field), std::string::npos) << what;
    }
  }
  EXPECT_THROW(ParseChatFormat(std::string(300 << 10, ' '), "x", "file"), Error);
  std::string deep;
  for (int i = 0; i < 50000; ++i) deep += "[";
  EXPECT_THROW(ParseChatFormat(deep, "x", "file"), Error);
}

}  // namespace
}  // namespace dear

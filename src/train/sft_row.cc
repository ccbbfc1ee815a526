#include "train/sft_row.h"

#include <utility>

#include "base/error.h"
#include "train/row_fields.h"

namespace dear {
namespace {

std::string Column(const std::optional<std::string>& name) {
  return "column '" + name.value_or("") + "'";
}

const Json* FindColumn(const Json& row, const std::optional<std::string>& column) {
  if (!column) return nullptr;
  const auto found = row.find(*column);
  return found == row.end() || found->is_null() ? nullptr : &*found;
}

std::string TextOrNothing(const Json& row, const std::optional<std::string>& column) {
  const Json* value = FindColumn(row, column);
  return value == nullptr ? "" : RowText(*value, Column(column));
}

void AppendHistory(const Json& row, const SftColumns& columns, SftExample* example) {
  const Json* history = FindColumn(row, columns.history);
  if (history == nullptr || *history == "") return;
  const std::string what = Column(columns.history);
  if (!history->is_array()) {
    DropRowOfType(what, "a list of pairs", *history);
  }
  for (const Json& pair : *history) {
    if (!pair.is_array() || pair.size() != 2) DropRow(what, "expected pairs of texts");
    example->turns.push_back({"user", RowText(pair[0], what)});
    example->turns.push_back({"assistant", RowText(pair[1], what)});
  }
}

SftExample ReadAlpaca(const Json& row, const SftColumns& columns) {
  SftExample example;
  AppendHistory(row, columns, &example);
  std::string question = TextOrNothing(row, columns.prompt);
  const std::string input = TextOrNothing(row, columns.query);
  if (!question.empty() && !input.empty()) question += '\n';
  example.turns.push_back({"user", question + input});
  const Json* answer = FindColumn(row, columns.response);
  if (answer == nullptr) DropRow(Column(columns.response), "expected the answer, found nothing");
  example.turns.push_back({"assistant", RowText(*answer, Column(columns.response))});
  example.system = TextOrNothing(row, columns.system);
  return example;
}

std::string RequireText(const Json& message, const std::string& key) {
  const std::string what = "messages: field '" + key + "'";
  const Json* value = FindColumn(message, key);
  if (value == nullptr) DropRow(what, "is missing");
  return RowText(*value, what);
}

ChatMessage ReadMessage(const Json& message, const SftTags& tags) {
  if (!message.is_object()) {
    DropRowOfType("messages", "objects", message);
  }
  ChatMessage out;
  out.role = RequireText(message, tags.role);
  const Json* calls = FindColumn(message, "tool_calls");
  const bool calls_tools = calls != nullptr && !calls->empty();
  if (calls_tools || out.role == tags.observation || out.role == tags.function) {
    throw Error(ErrorCode::kUnsupported, calls_tools ? "tool_calls" : "role '" + out.role + "'",
                "the calls of tools and their results are not supported");
  }
  out.content = RequireText(message, tags.content);
  return out;
}

// Gives the roles our names.
void CheckRoles(const SftTags& tags, std::vector<ChatMessage>* turns) {
  for (size_t i = 0; i < turns->size(); ++i) {
    ChatMessage& turn = (*turns)[i];
    const std::string& expected = i % 2 == 0 ? tags.user : tags.assistant;
    if (turn.role != expected) {
      DropRow("turn " + std::to_string(i + 1),
              "expected the role '" + expected + "', found '" + turn.role + "'");
    }
    turn.role = i % 2 == 0 ? "user" : "assistant";
  }
  if (turns->empty() || turns->size() % 2 != 0) DropRow("messages", "the last one is no answer");
}

SftExample ReadSharegpt(const Json& row, const SftSource& source) {
  const SftTags& tags = source.tags;
  const Json* messages = FindColumn(row, source.columns.messages);
  if (messages == nullptr || !messages->is_array() || messages->empty()) {
    DropRow(Column(source.columns.messages), "expected a list of messages");
  }
  SftExample example;
  for (const Json& message : *messages) example.turns.push_back(ReadMessage(message, tags));
  if (tags.system && example.turns.front().role == *tags.system) {
    example.system = std::move(example.turns.front().content);
    example.turns.erase(example.turns.begin());
  } else {
    example.system = TextOrNothing(row, source.columns.system);
  }
  CheckRoles(tags, &example.turns);
  return example;
}

}  // namespace

SftRow ReadSftRow(const Json& row, const SftSource& source) {
  try {
    if (!row.is_object()) DropRowOfType("row", "an object", row);
    const bool is_alpaca = source.layout == SftLayout::kAlpaca;
    return {is_alpaca ? ReadAlpaca(row, source.columns) : ReadSharegpt(row, source), ""};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidFormat) throw;
    return {std::nullopt, error.what()};
  }
}

}  // namespace dear

#ifndef DEAR_TRAIN_SFT_ROW_H_
#define DEAR_TRAIN_SFT_ROW_H_

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/chat_format.h"
#include "train/dataset_info.h"

namespace dear {

// A conversation to learn from.
struct SftExample {
  std::string system;              // empty: the template's own, where it has one
  std::vector<ChatMessage> turns;  // user, assistant, user, …, assistant; contents may be empty
};

struct SftRow {
  std::optional<SftExample> example;
  std::string dropped;  // where there is none: why
};

// Reads one row as llamafactory 0.9.5 does (data/converter.py; what data/processor/supervised.py
// then drops is dropped here): instruction and input are joined by one newline, empty ones left
// out; the first message may be the system's; messages must alternate and end with an answer. A
// wrong type, on which it stops, drops the row here.
// Throws kUnsupported for a message of a tool and for one that calls a tool.
SftRow ReadSftRow(const Json& row, const SftSource& source);

}  // namespace dear

#endif  // DEAR_TRAIN_SFT_ROW_H_

#ifndef DEAR_API_TOPICS_H_
#define DEAR_API_TOPICS_H_

#include <filesystem>
#include <string>
#include <vector>

#include "api/id_table.h"
#include "api/text_collection.h"
#include "api/text_record.h"
#include "base/progress.h"

namespace dear {

// Reads those topics (queries with an id) that `wanted` names: one a line, as RecordForm knows
// them, or TREC's classic form, <top> with <num> and <title>, of which the title is the query;
// zeros that lead a number are dropped, since runs and judgements write them without. Plain or
// gzipped. Throws what TextCollection throws; kInvalidFormat for a <top> without number or title.
TextCollection ReadTopics(const std::filesystem::path& path, const IdTable& wanted,
                          const CancelFn& cancel = {});
// The same from memory; `name` stands for the file in errors.
TextCollection ParseTopics(std::string text, const std::string& name, const IdTable& wanted,
                           const CancelFn& cancel = {});

// All topics of a file in the same forms, in its order. Throws the same; kInvalidFormat also for
// two texts under one id (the same text twice is one topic).
std::vector<TextRecord> ReadAllTopics(const std::filesystem::path& path,
                                      const CancelFn& cancel = {});

}  // namespace dear

#endif  // DEAR_API_TOPICS_H_

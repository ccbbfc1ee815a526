#include "api/rank_jobs.h"

#include <set>

#include "base/error.h"
#include "base/mapped_file.h"

namespace dear {
namespace {

[[noreturn]] void Fail(const std::string& context, const std::string& message) {
  throw Error(ErrorCode::kInvalidFormat, context, message);
}

// Ids are strings or numbers in the wild.
std::string IdOf(const Json& object, const char* key, const std::string& context) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number_integer()) return found->dump();
  Fail(context, std::string("field '") + key + "' must be a string or a whole number");
}

void TakeText(const Json& doc, const std::string& context, Passage& passage) {
  if (doc.is_string()) {
    passage.text = doc.get<std::string>();
    return;
  }
  if (!doc.is_object()) Fail(context, "field 'doc' must be an object or a string");
  const JsonFields fields(doc, context);
  passage.title = fields.String("title", "");
  for (const char* key : {"text", "segment", "contents", "content", "body", "passage"}) {
    if (!fields.Has(key)) continue;
    passage.text = fields.RequireString(key);
    return;
  }
  Fail(context, "no passage text (text, segment, contents, content, body or passage)");
}

Passage ParsePassage(const Json& hit, const std::string& context) {
  if (!hit.is_object()) Fail(context, "must be an object");
  Passage passage;
  passage.docid = IdOf(hit, "docid", context);
  passage.first_stage_score = JsonFields(hit, context).Number("score", 0);
  TakeText(hit.contains("doc") ? hit["doc"] : hit, context, passage);
  return passage;
}

}  // namespace

RankJob ParseRankJob(const Json& json, const std::string& context, size_t place) {
  if (!json.is_object()) Fail(context, "must be an object with a query and its passages");
  RankJob job;
  const JsonFields fields(json, context);
  job.adapter = fields.String("adapter", "");
  const Json* query = fields.Find("query");
  if (query == nullptr) Fail(context, "field 'query' is missing");
  if (query->is_object()) {
    job.request.query = JsonFields(*query, context + ": query").RequireString("text");
    job.request.qid = IdOf(*query, "qid", context + ": query");
  } else {
    job.request.query = fields.RequireString("query");
    job.request.qid = IdOf(json, "qid", context);
  }
  const char* list = fields.Has("candidates") ? "candidates" : "hits";
  const Json* hits = fields.Find(list);
  if (hits == nullptr) Fail(context, "neither 'candidates' nor 'hits' is there");
  if (!hits->is_array()) fields.Fail(list, "must be a list");
  for (const Json& hit : *hits) {
    const std::string where =
        context + ": " + list + "[" + std::to_string(job.request.passages.size()) + "]";
    if (job.request.qid.empty() && hit.is_object()) job.request.qid = IdOf(hit, "qid", where);
    job.request.passages.push_back(ParsePassage(hit, where));
    Passage& passage = job.request.passages.back();
    if (passage.docid.empty())
      passage.docid = "d" + std::to_string(job.request.passages.size() - 1);
  }
  if (job.request.qid.empty()) job.request.qid = "q" + std::to_string(place + 1);
  return job;
}

std::vector<RankJob> ParseRankJobs(std::string_view text, const std::string& context) {
  std::vector<RankJob> jobs;
  std::set<std::string> seen;
  const auto add = [&](const Json& json, const std::string& where) {
    jobs.push_back(ParseRankJob(json, where, jobs.size()));
    if (!seen.insert(jobs.back().request.qid).second)
      Fail(where, "the query id '" + jobs.back().request.qid + "' was there before");
  };
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '[') {
    const Json list = ParseJson(text, context);
    for (const Json& json : list) add(json, context + ": [" + std::to_string(jobs.size()) + "]");
    return jobs;
  }
  size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = context + ": line " + std::to_string(number);
    add(ParseJson(line, where), where);
  }
  return jobs;
}

std::vector<RankJob> ReadRankJobs(const std::filesystem::path& path) {
  const auto file = MappedFile::Open(path);
  const auto bytes = file->bytes();
  return ParseRankJobs({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
}

}  // namespace dear

#include "api/rank_jobs.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "api/json_id.h"
#include "api/repaired_json.h"
#include "api/text_record.h"
#include "base/error.h"
#include "base/xxh64.h"

namespace dear {
namespace {

[[noreturn]] void Fail(const std::string& context, const std::string& message) {
  throw Error(ErrorCode::kInvalidFormat, context, message);
}

void TakeText(const Json& doc, const std::string& context, Passage& passage) {
  if (doc.is_string()) {
    passage.text = doc.get<std::string>();
    return;
  }
  if (!doc.is_object()) Fail(context, "field 'doc' must be an object or a string");
  const JsonFields fields(doc, context);
  passage.title = fields.String("title", "");
  for (const char* key : PassageNames().texts) {
    if (!fields.Has(key)) continue;
    passage.text = fields.RequireString(key);
    return;
  }
  Fail(context, "no passage text (text, segment, contents, content, body or passage)");
}

Passage ParsePassage(const Json& hit, const std::string& context) {
  if (!hit.is_object()) Fail(context, "must be an object");
  Passage passage;
  passage.docid = JsonId(hit, "docid", context);
  passage.first_stage_score = JsonFields(hit, context).Number("score");
  TakeText(hit.contains("doc") ? hit["doc"] : hit, context, passage);
  return passage;
}

// Of a query and all before it.
uint64_t FingerprintOf(const RankJob& job, uint64_t before) {
  std::string all = std::to_string(before);
  const auto add = [&all](std::string_view part) {
    all += ' ' + std::to_string(part.size()) + ' ';
    all += part;
  };
  add(job.request.qid);
  add(job.request.query);
  add(job.adapter);
  for (const Passage& passage : job.request.passages) {
    add(passage.docid);
    add(passage.title);
    add(passage.text);
    add(passage.first_stage_score ? std::to_string(*passage.first_stage_score) : "");
  }
  return Xxh64(std::as_bytes(std::span(all)));
}

// The first id of a query that would be several columns of a line; empty: none.
std::string IdWithBlanks(const RankRequest& request) {
  const auto has_blanks = [](const std::string& id) {
    return std::ranges::any_of(id, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
  };
  if (has_blanks(request.qid)) return request.qid;
  for (const Passage& passage : request.passages) {
    if (has_blanks(passage.docid)) return passage.docid;
  }
  return "";
}

// By their place; in a way that no other has.
void NameTheNameless(std::vector<Passage>& passages) {
  std::unordered_set<std::string> taken;
  for (const Passage& passage : passages) taken.insert(passage.docid);
  for (size_t i = 0; i < passages.size(); ++i) {
    if (!passages[i].docid.empty()) continue;
    passages[i].docid = "d" + std::to_string(i);
    while (!taken.insert(passages[i].docid).second) passages[i].docid += "'";
  }
}

// A result could not be told from its namesake's.
void RefuseTwins(const RankRequest& request, const std::string& context) {
  std::unordered_set<std::string_view> docids;
  for (const Passage& passage : request.passages) {
    if (!docids.insert(passage.docid).second)
      Fail(context, "query '" + request.qid + "' has the document '" + passage.docid + "' twice");
  }
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
    job.request.qid = JsonId(*query, "qid", context + ": query");
  } else {
    job.request.query = fields.RequireString("query");
    job.request.qid = JsonId(json, "qid", context);
  }
  const char* list = fields.Has("candidates") ? "candidates" : "hits";
  const Json* hits = fields.Find(list);
  if (hits == nullptr) Fail(context, "neither 'candidates' nor 'hits' is there");
  if (!hits->is_array()) fields.Fail(list, "must be a list");
  for (const Json& hit : *hits) {
    const std::string where =
        context + ": " + list + "[" + std::to_string(job.request.passages.size()) + "]";
    if (job.request.qid.empty() && hit.is_object()) job.request.qid = JsonId(hit, "qid", where);
    job.request.passages.push_back(ParsePassage(hit, where));
  }
  NameTheNameless(job.request.passages);
  if (job.request.qid.empty()) job.request.qid = "q" + std::to_string(place + 1);
  RefuseTwins(job.request, context);
  return job;
}

RankJobReader::RankJobReader(const std::filesystem::path& path)
    : lines_(std::make_unique<LineReader>(path)) {}

RankJobReader::RankJobReader(std::string text, std::string name)
    : lines_(std::make_unique<LineReader>(std::move(text), std::move(name))) {}

std::optional<RankJob> RankJobReader::Next() {
  if (!list_) {
    std::string line;
    while (lines_->Next(&line)) {
      const size_t first = line.find_first_not_of(" \t\r");
      if (first == std::string::npos) continue;
      if (line[first] == '[' && count_ == 0) {
        ReadList(std::move(line));
        break;
      }
      const std::string where = lines_->name() + ": line " + std::to_string(lines_->number());
      return Take(ParseRepairedJson(line, where), where);
    }
  }
  if (!list_ || count_ == list_->size()) return std::nullopt;
  // What was given is not needed again.
  const Json json = std::move((*list_)[count_]);
  return Take(json, lines_->name() + ": [" + std::to_string(count_) + "]");
}

std::optional<RankJob> RankJobReader::Take(const Json& json, const std::string& where) {
  RankJob job = ParseRankJob(json, where, count_);
  if (!seen_.insert(job.request.qid).second)
    Fail(where, "the query id '" + job.request.qid + "' was there before");
  ++count_;
  return job;
}

void RankJobReader::ReadList(std::string first_line) {
  constexpr size_t kLongestList = size_t{4} << 30;
  std::string text = std::move(first_line);
  std::string line;
  while (lines_->Next(&line)) {
    text += '\n';
    text += line;
    if (text.size() > kLongestList)
      Fail(lines_->name(), "a list of more than 4 GB; write one query a line instead");
  }
  list_ = ParseRepairedJson(text, lines_->name());
}

RankJobFile::RankJobFile(const std::filesystem::path& path) : name_(path.string()) {}

RankJobFile::RankJobFile(std::string text, std::string name)
    : text_(std::move(text)), name_(std::move(name)) {}

RankJobReader RankJobFile::Open(bool last_time) {
  if (!text_) return RankJobReader(std::filesystem::path(name_));
  return last_time ? RankJobReader(*std::move(text_), name_) : RankJobReader(*text_, name_);
}

JobsOutline RankJobFile::Check(const CancelFn& cancel) {
  JobsOutline outline;
  RankJobReader reader = Open(/*last_time=*/false);
  while (const auto job = reader.Next()) {
    outline.adapters.insert(job->adapter);
    outline.fingerprints.push_back(
        FingerprintOf(*job, outline.fingerprints.empty() ? 0 : outline.fingerprints.back()));
    if (outline.id_with_blanks.empty()) outline.id_with_blanks = IdWithBlanks(job->request);
    if (cancel && cancel()) throw Error(ErrorCode::kCancelled, name_, "stopped");
  }
  outline.queries = reader.count();
  if (outline.queries == 0) throw Error(ErrorCode::kInvalidArgument, name_, "holds no queries");
  return outline;
}

std::optional<RankJob> RankJobFile::Next() {
  if (!reader_) reader_.emplace(Open(/*last_time=*/true));
  return reader_->Next();
}

std::vector<RankJob> ParseRankJobs(std::string_view text, const std::string& context) {
  RankJobReader reader(std::string(text), context);
  std::vector<RankJob> jobs;
  while (auto job = reader.Next()) jobs.push_back(*std::move(job));
  return jobs;
}

}  // namespace dear

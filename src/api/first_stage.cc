#include "api/first_stage.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <string_view>
#include <utility>

#include "api/run_jobs.h"
#include "api/text_records.h"
#include "api/topics.h"
#include "base/error.h"
#include "eval/text_source.h"

namespace dear {
namespace {

constexpr std::string_view kTag = "dear-bm25";

void CheckId(const std::string& id, const std::string& file) {
  if (id.find_first_of(" \t\r\n\v\f") == std::string::npos) return;
  throw Error(ErrorCode::kInvalidFormat, file,
              "the id '" + id + "' has white space, which a run cannot hold");
}

}  // namespace

std::vector<std::string> RunScores(const std::vector<float>& scores) {
  std::vector<std::string> texts;
  float before = 0;
  int ties = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    const double nearest = std::floor(static_cast<double>(scores[i]) * 1e4 + 0.5);
    float score = static_cast<float>(nearest) / 1e4F;
    ties = i == 0 || before - score > 1e-4F ? 0 : ties + 1;
    score -= 1e-6F * static_cast<float>(ties);
    char text[64];
    std::snprintf(text, sizeof text, "%.6f", static_cast<double>(score));
    texts.emplace_back(text);
    before = score;
  }
  return texts;
}

FirstStage::FirstStage(const FirstStageFiles& files, const Bm25Parameters& parameters, size_t depth,
                       ThreadPool& pool, const ProgressFn& progress, const CancelFn& cancel)
    : depth_(depth), pool_(pool), workspaces_(static_cast<size_t>(pool.num_threads())) {
  if (depth == 0) throw Error(ErrorCode::kInvalidArgument, "depth", "expected at least 1");
  const RunFiles found = FindRunFiles({.run = "", .topics = files.topics, .corpus = files.corpus});
  topics_ = ReadAllTopics(found.topics, cancel);
  for (const TextRecord& topic : topics_) CheckId(topic.id, found.topics.string());
  const TextRecords corpus(eval::TextSource::Open(found.corpus), PassageNames(), std::nullopt,
                           cancel);
  ids_.resize(corpus.size());
  const auto text = [&](size_t passage) {
    TextRecord record = corpus.Read(passage);
    std::string searched = SearchedText(record);
    ids_[passage] = std::move(record.id);
    return searched;
  };
  index_.emplace(corpus.size(), text, parameters, pool, progress, cancel);
  SortIds(corpus);
}

void FirstStage::SortIds(const TextRecords& corpus) {
  std::vector<uint32_t> order(ids_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {},
                    [this](uint32_t i) { return std::pair(std::string_view(ids_[i]), i); });
  places_.resize(order.size());
  for (uint32_t place = 0; place < order.size(); ++place) {
    const uint32_t passage = order[place];
    places_[passage] = place;
    CheckId(ids_[passage], corpus.name());
    if (place == 0 || ids_[order[place - 1]] != ids_[passage]) continue;
    throw Error(ErrorCode::kInvalidFormat, corpus.Place(passage),
                "passage '" + ids_[passage] + "' was there before");
  }
}

std::vector<std::string> FirstStage::Find(size_t begin, size_t end) {
  std::vector<std::string> found(end - begin);
  pool_.Run(static_cast<int64_t>(found.size()), [&](int64_t task, int worker) {
    const TextRecord& topic = topics_[begin + static_cast<size_t>(task)];
    const std::vector<Bm25Hit> hits =
        index_->Search(topic.text, {.depth = depth_, .tie_places = places_, .accept = {}},
                       &workspaces_[static_cast<size_t>(worker)]);
    std::vector<float> scores;
    scores.reserve(hits.size());
    for (const Bm25Hit& hit : hits) scores.push_back(hit.score);
    const std::vector<std::string> texts = RunScores(scores);
    std::string& lines = found[static_cast<size_t>(task)];
    for (size_t i = 0; i < hits.size(); ++i) {
      lines += topic.id + " Q0 " + ids_[hits[i].document] + " " + std::to_string(i + 1) + " " +
               texts[i] + " ";
      lines += kTag;
      lines += '\n';
    }
  });
  return found;
}

}  // namespace dear

#include "api/negative_passages.h"

#include <algorithm>
#include <utility>

#include "api/run_jobs.h"
#include "eval/text_source.h"
#include "search/text_key.h"
#include "text/python_text.h"

namespace dear {

PassageKeys PassageKeys::Of(const std::string& title, const std::string& text) {
  const uint64_t key = TextKey(StripSpace(text).empty() ? title : text);
  return {.text = key, .whole = title.empty() ? key : TextKey(title + " " + text)};
}

NegativePassages::NegativePassages(const std::filesystem::path& corpus, const CancelFn& cancel) {
  // Topics that are no folder stay as they are.
  const RunFiles files = FindRunFiles({.run = "", .topics = "-", .corpus = corpus});
  corpus_.emplace(eval::TextSource::Open(files.corpus), PassageNames(), std::nullopt, cancel);
  keys_.resize(corpus_->size());
}

void NegativePassages::Add(std::string title, std::string text, uint32_t topic) {
  const PassageKeys keys = PassageKeys::Of(title, text);
  const auto [known, is_new] = numbers_.emplace(keys.whole, static_cast<uint32_t>(own_.size()));
  const uint32_t number = known->second;
  if (is_new) {
    own_.push_back({.id = "", .title = std::move(title), .text = std::move(text)});
    keys_.push_back(keys);
    topics_.emplace_back();
  }
  if (IsOfTopic(number, topic)) return;
  topics_[number].push_back(topic);
  if (of_topic_.size() <= topic) of_topic_.resize(topic + size_t{1});
  of_topic_[topic].push_back(number);
}

TextRecord NegativePassages::Read(size_t passage) const {
  return corpus_ ? corpus_->Read(passage) : own_[passage];
}

std::string NegativePassages::ReadForIndex(size_t passage) {
  const TextRecord record = Read(passage);
  keys_[passage] = PassageKeys::Of(record.title, record.text);
  return SearchedText(record);
}

bool NegativePassages::IsOfTopic(uint32_t passage, uint32_t topic) const {
  return std::ranges::find(topics_[passage], topic) != topics_[passage].end();
}

std::span<const uint32_t> NegativePassages::OfTopic(uint32_t topic) const {
  return of_topic_[topic];
}

}  // namespace dear

#include "api/hard_negatives.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "base/error.h"
#include "search/text_key.h"
#include "text/hash.h"

namespace dear {
namespace {

constexpr size_t kRowsAtOnce = 2048;

void CheckOptions(const HardNegativeOptions& options, bool of_corpus) {
  const auto fail = [](const char* what, const std::string& why) {
    throw Error(ErrorCode::kInvalidArgument, what, why);
  };
  if (options.negatives == 0) fail("negatives", "expected at least 1");
  if (options.depth == 0) fail("depth", "expected at least 1");
  if (options.skip >= options.depth) {
    fail("skip", "expected less than the depth of " + std::to_string(options.depth) + ", found " +
                     std::to_string(options.skip));
  }
  if (options.same_topic && of_corpus)
    fail("same_topic", "the passages of a corpus have no topic; leave the corpus out");
}

// The row's `topic`; empty where it has none.
std::string TopicOf(const Json& row) {
  const auto found = row.find("topic");
  if (found == row.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

// The first `count` of the items after they were shuffled, in their old order.
std::vector<Bm25Hit> Drawn(std::vector<Bm25Hit> items, size_t count, Random* random) {
  if (items.size() <= count) return items;
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = 0; i < count; ++i) {
    const auto left = static_cast<double>(order.size() - i);
    std::swap(order[i], order[i + static_cast<size_t>(random->NextDouble() * left)]);
  }
  order.resize(count);
  std::ranges::sort(order);
  std::vector<Bm25Hit> drawn;
  drawn.reserve(count);
  for (const size_t i : order) drawn.push_back(items[i]);
  return drawn;
}

}  // namespace

HardNegatives::HardNegatives(const std::filesystem::path& pairs,
                             const std::filesystem::path& corpus,
                             const HardNegativeOptions& options, ThreadPool& pool,
                             const ProgressFn& progress, const CancelFn& cancel)
    : options_(options),
      file_(SftJsonRows::Open(pairs)),
      pool_(pool),
      workspaces_(static_cast<size_t>(pool.num_threads())) {
  const bool of_corpus = !corpus.empty();
  CheckOptions(options_, of_corpus);
  if (of_corpus) passages_ = NegativePassages(corpus, cancel);
  ReadRows(of_corpus, progress, cancel);
  if (rows_.empty()) {
    throw Error(ErrorCode::kInvalidFormat, pairs.string(),
                "none of its " + std::to_string(report_.rows) +
                    " rows has a query and a positive passage" +
                    (report_.first_dropped.empty() ? "" : "; " + report_.first_dropped.front()));
  }
  const auto text = [this](size_t passage) { return passages_.ReadForIndex(passage); };
  index_.emplace(passages_.size(), text, options_.bm25, pool, progress, cancel);
}

void HardNegatives::ReadRows(bool of_corpus, const ProgressFn& progress, const CancelFn& cancel) {
  std::vector<ReadRow> read;
  for (size_t begin = 0; begin < file_.size(); begin += kRowsAtOnce) {
    if (cancel && cancel()) throw Error(ErrorCode::kCancelled, "pairs", "stopped");
    if (progress) {
      progress("reading pairs", static_cast<int64_t>(begin), static_cast<int64_t>(file_.size()));
    }
    read.assign(std::min(kRowsAtOnce, file_.size() - begin), {});
    pool_.Run(static_cast<int64_t>(read.size()), [&](int64_t task, int) {
      read[static_cast<size_t>(task)] = Read(begin + static_cast<size_t>(task));
    });
    for (size_t i = 0; i < read.size(); ++i) Take(begin + i, std::move(read[i]), of_corpus);
  }
}

HardNegatives::ReadRow HardNegatives::Read(size_t row) const {
  const Json json = file_.Parse(row);
  ReadRow read{.row = ReadRankingRow(json, {.passages = 0}), .topic = ""};
  if (!read.row.example) return read;
  const auto is_positive = [](const RankingPassage& passage) { return passage.label > 0; };
  if (std::ranges::none_of(read.row.example->passages, is_positive)) {
    read.row = {.example = std::nullopt, .dropped = "passages: there is no positive one"};
    return read;
  }
  if (options_.same_topic) {
    read.topic = TopicOf(json);
    if (read.topic.empty()) {
      throw Error(ErrorCode::kInvalidFormat, file_.Place(row) + ": field 'topic'",
                  "is missing, and with it the passages that negatives may be taken from");
    }
  }
  return read;
}

void HardNegatives::Take(size_t row, ReadRow read, bool of_corpus) {
  ++report_.rows;
  if (!read.row.example) {
    ++report_.dropped;
    if (report_.first_dropped.size() < Report::kMaxNamed)
      report_.first_dropped.push_back(file_.Place(row) + ": " + read.row.dropped);
    return;
  }
  RankingExample& example = *read.row.example;
  const auto topic =
      topics_.try_emplace(read.topic, static_cast<uint32_t>(topics_.size())).first->second;
  const RowOf at{
      .row = static_cast<uint32_t>(row), .query = TextKey(example.query), .topic = topic};
  rows_.push_back(at);
  std::vector<uint64_t>& positives = positives_[at.query];
  for (RankingPassage& passage : example.passages) {
    if (passage.label <= 0) continue;
    const PassageKeys keys = PassageKeys::Of(passage.title, passage.text);
    positives.push_back(keys.text);
    if (keys.whole != keys.text) positives.push_back(keys.whole);
    if (!of_corpus) passages_.Add(std::move(passage.title), std::move(passage.text), topic);
  }
}

std::vector<HardNegatives::MinedRow> HardNegatives::Mine(size_t begin, size_t end) {
  std::vector<MinedRow> mined(end - begin);
  pool_.Run(static_cast<int64_t>(mined.size()), [&](int64_t task, int worker) {
    const auto i = static_cast<size_t>(task);
    mined[i] = MineRow(rows_[begin + i], &workspaces_[static_cast<size_t>(worker)]);
  });
  return mined;
}

bool HardNegatives::Matches(size_t index, const Json& record) const {
  const RankingRow row = ReadRankingRow(record, {.passages = 0});
  return row.example && TextKey(row.example->query) == rows_[index].query;
}

HardNegatives::MinedRow HardNegatives::MineRow(const RowOf& at,
                                               Bm25Index::Workspace* workspace) const {
  Json json = file_.Parse(at.row);
  const RankingRow row = ReadRankingRow(json, {.passages = 0});
  if (!row.example) {
    throw Error(ErrorCode::kIo, file_.Place(at.row),
                "the file was changed while it is read: " + row.dropped);
  }
  const std::vector<MinedNegative> chosen = Choose(at, *row.example, workspace);
  try {
    AddNegatives(chosen, &json);
  } catch (const Error& error) {
    throw error.Within(file_.Place(at.row));
  }
  return {.line = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
          .added = chosen.size()};
}

HardNegatives::Keys HardNegatives::Excluded(const RowOf& at, const RankingExample& example) const {
  Keys excluded = {TextKey("")};  // a passage that says nothing
  for (const uint64_t key : positives_.at(at.query)) excluded.insert(key);
  for (const RankingPassage& passage : example.passages) {
    const PassageKeys keys = PassageKeys::Of(passage.title, passage.text);
    excluded.insert({keys.text, keys.whole});
  }
  return excluded;
}

std::vector<MinedNegative> HardNegatives::Choose(const RowOf& at, const RankingExample& example,
                                                 Bm25Index::Workspace* workspace) const {
  Bm25Index::SearchOptions search{.depth = options_.depth, .tie_places = {}, .accept = {}};
  if (options_.same_topic) {
    search.accept = [&](uint32_t passage) { return passages_.IsOfTopic(passage, at.topic); };
  }
  const std::vector<Bm25Hit> hits = index_->Search(example.query, search, workspace);
  const size_t skipped = std::min(options_.skip, hits.size());
  Keys excluded = Excluded(at, example);
  // What is skipped for looking too good must not come in by chance either.
  for (size_t i = 0; i < skipped; ++i) Accept(hits[i].document, &excluded);
  std::vector<Bm25Hit> candidates;
  for (size_t i = skipped; i < hits.size(); ++i) {
    if (!options_.sample && candidates.size() == options_.negatives) break;
    if (Accept(hits[i].document, &excluded)) candidates.push_back(hits[i]);
  }
  Random random(options_.seed ^ MixBits(at.row + uint64_t{1}));
  if (options_.sample) candidates = Drawn(std::move(candidates), options_.negatives, &random);
  std::vector<MinedNegative> chosen;
  chosen.reserve(candidates.size());
  for (const Bm25Hit& hit : candidates) chosen.push_back(Negative(hit.document, hit.score));
  if (options_.fill_random) FillRandomly(at, &random, &excluded, &chosen);
  return chosen;
}

// Draws without putting back: a shuffle of all passages, of which memory holds what was swapped.
void HardNegatives::FillRandomly(const RowOf& at, Random* random, Keys* excluded,
                                 std::vector<MinedNegative>* chosen) const {
  std::span<const uint32_t> among;
  if (options_.same_topic) among = passages_.OfTopic(at.topic);
  const size_t count = options_.same_topic ? among.size() : passages_.size();
  std::unordered_map<size_t, size_t> swapped;
  const auto at_place = [&swapped](size_t place) {
    const auto found = swapped.find(place);
    return found == swapped.end() ? place : found->second;
  };
  for (size_t i = 0; i < count && chosen->size() < options_.negatives; ++i) {
    const size_t other =
        i + static_cast<size_t>(random->NextDouble() * static_cast<double>(count - i));
    const size_t drawn = at_place(other);
    swapped[other] = at_place(i);
    const uint32_t passage = options_.same_topic ? among[drawn] : static_cast<uint32_t>(drawn);
    if (Accept(passage, excluded)) chosen->push_back(Negative(passage, std::nullopt));
  }
}

bool HardNegatives::Accept(uint32_t passage, Keys* excluded) const {
  const PassageKeys& keys = passages_.keys(passage);
  const bool text_is_new = excluded->insert(keys.text).second;
  const bool whole_is_new = keys.whole == keys.text || excluded->insert(keys.whole).second;
  return text_is_new && whole_is_new;
}

MinedNegative HardNegatives::Negative(uint32_t passage, std::optional<float> score) const {
  TextRecord record = passages_.Read(passage);
  return {.docid = std::move(record.id),
          .title = std::move(record.title),
          .text = std::move(record.text),
          .score = score};
}

}  // namespace dear

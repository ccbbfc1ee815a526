#ifndef DEAR_API_NEGATIVE_PASSAGES_H_
#define DEAR_API_NEGATIVE_PASSAGES_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/text_records.h"
#include "base/progress.h"

namespace dear {

// By which passages are known to be the same (TextKey).
struct PassageKeys {
  uint64_t text = 0;   // of the text, or of the title where there is no text
  uint64_t whole = 0;  // of title and text, as some files join them

  static PassageKeys Of(const std::string& title, const std::string& text);
};

// The passages that negatives are taken from: a corpus, or the positives of training rows.
class NegativePassages {
 public:
  // Those that Add will bring.
  NegativePassages() = default;
  // A corpus: see TextRecords; or BEIR's folder. Throws the errors of the file; kCancelled.
  NegativePassages(const std::filesystem::path& corpus, const CancelFn& cancel);

  // A positive of a row of that topic; of equal ones the first is held.
  void Add(std::string title, std::string text, uint32_t topic);

  size_t size() const { return keys_.size(); }
  // From any thread.
  TextRecord Read(size_t passage) const;
  // What the index sees of it. Each passage has to be read so once before its keys are asked for.
  std::string ReadForIndex(size_t passage);
  const PassageKeys& keys(size_t passage) const { return keys_[passage]; }

  bool IsOfTopic(uint32_t passage, uint32_t topic) const;
  // In the order in which they came.
  std::span<const uint32_t> OfTopic(uint32_t topic) const;

 private:
  std::optional<TextRecords> corpus_;
  std::vector<TextRecord> own_;  // without a corpus
  std::unordered_map<uint64_t, uint32_t> numbers_;
  std::vector<PassageKeys> keys_;
  std::vector<std::vector<uint32_t>> topics_;  // of each passage
  std::vector<std::vector<uint32_t>> of_topic_;
};

}  // namespace dear

#endif  // DEAR_API_NEGATIVE_PASSAGES_H_

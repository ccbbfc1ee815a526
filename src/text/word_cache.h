#ifndef DEAR_TEXT_WORD_CACHE_H_
#define DEAR_TEXT_WORD_CACHE_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "text/bpe.h"
#include "text/hash.h"

namespace dear {

// Ids of words seen before: text repeats itself. A fixed table in which a new word takes the place
// of an old one; used by one thread at a time.
class WordCache {
 public:
  static constexpr size_t kMaxWordBytes = 30;
  static constexpr size_t kMaxIds = 6;

  struct Entry {
    uint64_t hash = 0;
    uint8_t length = 0;  // of the word; 0: empty
    uint8_t num_ids = 0;
    char word[kMaxWordBytes];
    TokenId ids[kMaxIds];

    bool Holds(uint64_t h, std::string_view w) const {
      return hash == h && length == w.size() && std::memcmp(word, w.data(), w.size()) == 0;
    }
  };
  static_assert(sizeof(Entry) == 64);

  static bool Fits(std::string_view word) { return !word.empty() && word.size() <= kMaxWordBytes; }
  Entry& At(uint64_t hash) { return entries_[hash % kNumEntries]; }

  std::vector<Symbol> symbols;  // scratch of whoever holds the cache

 private:
  static constexpr size_t kNumEntries = 1 << 14;
  std::vector<Entry> entries_ = std::vector<Entry>(kNumEntries);
};

// Caches at rest. A call takes one for itself, so that threads never wait for each other.
class WordCachePool {
 public:
  class Lease {
   public:
    explicit Lease(WordCachePool& pool) : pool_(pool), cache_(pool.Take()) {}
    ~Lease() { pool_.Return(std::move(cache_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    WordCache& operator*() const { return *cache_; }

   private:
    WordCachePool& pool_;
    std::unique_ptr<WordCache> cache_;
  };

 private:
  std::unique_ptr<WordCache> Take() {
    {
      const std::lock_guard lock(mutex_);
      if (!resting_.empty()) {
        auto cache = std::move(resting_.back());
        resting_.pop_back();
        return cache;
      }
    }
    return std::make_unique<WordCache>();
  }
  void Return(std::unique_ptr<WordCache> cache) {
    constexpr size_t kLargestScratch = 1 << 16;
    if (cache->symbols.capacity() > kLargestScratch) std::vector<Symbol>().swap(cache->symbols);
    const std::lock_guard lock(mutex_);
    if (resting_.capacity() > resting_.size()) resting_.push_back(std::move(cache));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<WordCache>> resting_ = [] {
    std::vector<std::unique_ptr<WordCache>> out;
    out.reserve(64);  // more threads than that make caches of their own
    return out;
  }();
};

}  // namespace dear

#endif  // DEAR_TEXT_WORD_CACHE_H_

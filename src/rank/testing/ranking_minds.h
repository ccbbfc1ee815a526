#ifndef DEAR_RANK_TESTING_RANKING_MINDS_H_
#define DEAR_RANK_TESTING_RANKING_MINDS_H_

#include <algorithm>
#include <cctype>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rank/id_pattern.h"
#include "rank/testing/text_stepper.h"

namespace dear::testing {

// A model that has learnt to write a ranking: at every id it compares all passages by what it makes
// of them (a normal number of prompt and passage) and by a whim, `noise` as large: half of its
// variance hangs on the place in the ranking, three tenths on the passage named last and two tenths
// on all that stands there. Logits are `sharpness` times that; it hardly repeats itself.
struct LearntMind {
  IdStyle ids = IdStyle::kOneBased;
  int64_t n = 20;
  double noise = 0.3;
  double sharpness = 3;
  std::string item_begin = "[", item_end = "]", separator = " > ";
  // How often the next id is any of those that stand there already or one out of range.
  double mistakes = 0;
  double ends_early = 0;  // how often it ends after an id
  std::string before;     // what it writes first, and behind the ranking
  std::string behind;

  TextStepper::Wishes operator()(const std::string& prompt, const std::string& answer) const {
    const auto forced = [](std::string text) { return TextStepper::Wishes{{std::move(text), 0}}; };
    if (answer.size() < before.size()) {
      if (before.starts_with(answer)) return forced(before.substr(answer.size()));
      return forced("");
    }
    std::string_view text = std::string_view(answer).substr(before.size());
    std::set<std::string, std::less<>> named;
    std::string context;  // what was named, in its order
    std::string fixed = item_begin;
    std::string_view begun;
    while (true) {
      const std::string_view shown = text.substr(0, fixed.size());
      if (!fixed.starts_with(shown)) return forced("");
      text.remove_prefix(shown.size());
      fixed.erase(0, shown.size());
      const bool all = static_cast<int64_t>(NamedCount(context)) == n;
      if (!fixed.empty() || all) {
        if (all) return forced(text.empty() ? fixed : "");
        break;
      }
      size_t end = 0;
      while (end < text.size() && std::isalnum(static_cast<unsigned char>(text[end]))) ++end;
      begun = text.substr(0, end);
      if (end == text.size()) break;
      text.remove_prefix(end);
      named.emplace(begun);
      context += std::string(begun) + " ";
      begun = {};
      const bool last = static_cast<int64_t>(NamedCount(context)) == n;
      fixed = item_end + (last ? behind : separator + item_begin);
    }
    if (!named.empty() && begun.empty() && fixed.size() > item_begin.size() &&
        HashUnit(context, 77) < ends_early) {
      return forced("");
    }
    TextStepper::Wishes wishes;
    const bool errs = HashUnit(context, 99) < mistakes;
    for (int64_t i = 0; i < n + 2; ++i) {
      const std::string id = IdText(ids, i);
      if (!id.starts_with(begun)) continue;
      const auto salt = static_cast<uint64_t>(i);
      const double whim =
          std::sqrt(0.5) * HashNormal(prompt, salt + 1000 * (NamedCount(context) + 1)) +
          std::sqrt(0.3) * HashNormal(prompt + LastOf(context), salt) +
          std::sqrt(0.2) * HashNormal(prompt + "#" + context, salt);
      double logit = HashNormal(prompt, salt) + noise * whim;
      if (i >= n || named.contains(id)) logit += errs ? 4 : -8;
      const bool last = static_cast<int64_t>(named.size()) + 1 == n;
      wishes.emplace_back(
          fixed + id.substr(begun.size()) + item_end + (last ? behind : separator + item_begin),
          sharpness * logit);
    }
    return wishes.empty() ? forced("") : wishes;
  }

 private:
  static std::string LastOf(const std::string& context) {
    return context.substr(context.size() - std::min<size_t>(context.size(), 3));
  }
  static size_t NamedCount(std::string_view context) {
    return static_cast<size_t>(std::count(context.begin(), context.end(), ' '));
  }
};

// A model that has not: it writes letters, brackets, digits and blanks as they come, and now and
// then what looks like the beginning of a ranking, or the same over again.
struct GarbageMind {
  TextStepper::Wishes operator()(const std::string& prompt, const std::string& answer) const {
    TextStepper::Wishes wishes;
    const std::string end = answer.substr(answer.size() - std::min<size_t>(answer.size(), 6));
    for (const char* text : {"[", "]", " > ", "1", "2", "3", "A", "B", " the", "\n", "[1] > [",
                             "[A", "] > [", "0", " [2]", ""}) {
      wishes.emplace_back(
          text, 4 * HashNormal(prompt.substr(0, 2) + end, HashOf(text)) - (*text == 0 ? 6 : 0));
    }
    return wishes;
  }

 private:
  static uint64_t HashOf(std::string_view text) {
    return static_cast<uint64_t>(HashUnit(text, 5) * 1e9);
  }
};

}  // namespace dear::testing

#endif  // DEAR_RANK_TESTING_RANKING_MINDS_H_

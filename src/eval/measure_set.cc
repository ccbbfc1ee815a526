#include "eval/measure_set.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>

#include "base/error.h"

namespace dear::eval {
namespace {

struct Group {
  std::string_view name;
  std::vector<std::string_view> measures;
};

const std::vector<Group>& Groups() {
  static const std::vector<Group> kGroups = [] {
    std::vector<Group> groups = {
        {"official",
         {"runid", "num_q", "num_ret", "num_rel", "num_rel_ret", "map", "gm_map", "Rprec", "bpref",
          "recip_rank", "iprec_at_recall", "P"}},
        {"set",
         {"runid", "num_q", "num_ret", "num_rel", "num_rel_ret", "utility", "set_P", "set_recall",
          "set_relative_P", "set_map", "set_F"}},
        {"all_trec", {}}};
    for (const MeasureInfo& info : AllMeasures()) {
      if (info.name != "yaap") groups.back().measures.push_back(info.name);
    }
    return groups;
  }();
  return kGroups;
}

// What one name was asked with: the text after each dot, in the order given.
using Requests = std::map<std::string_view, std::vector<std::string>>;

[[noreturn]] void Fail(const std::string& request, const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, "measure '" + request + "'", what);
}

const MeasureInfo* FindMeasure(std::string_view name) {
  const auto all = AllMeasures();
  const auto found = std::ranges::find(all, name, &MeasureInfo::name);
  return found != all.end() ? &*found : nullptr;
}

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> out(1);
  for (const char c : list) {
    if (c == ',') {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

double Number(const std::string& text, const std::string& request) {
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double value = 0;
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || rest != digits.data() + digits.size() || !std::isfinite(value))
    Fail(request, "'" + text + "' is no number");
  return value;
}

int64_t Rank(const std::string& text, const std::string& request) {
  const double value = std::floor(Number(text, request));  // trec_eval takes 23.4 for 23
  if (!(value >= 1 && value <= 1e9)) Fail(request, "cut-offs are whole numbers above 0");
  return static_cast<int64_t>(value);
}

LevelGain Gain(const std::string& text, const std::string& request) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) Fail(request, "expected level=gain, as in ndcg.1=3,2=9");
  LevelGain out;
  const std::string level = text.substr(0, equals);
  const auto [rest, error] = std::from_chars(level.data(), level.data() + level.size(), out.level);
  if (error != std::errc() || rest != level.data() + level.size())
    Fail(request, "relevance level '" + level + "' is no whole number");
  out.gain = Number(text.substr(equals + 1), request);
  return out;
}

template <typename T>
void SortUnique(std::vector<T>& values) {
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

// "ndcg_cut_10", as it is printed, for "ndcg_cut.10".
std::optional<std::string> FromPrintedName(const std::string& request) {
  const size_t bar = request.rfind('_');
  if (bar == std::string::npos || bar + 1 == request.size()) return std::nullopt;
  const MeasureInfo* info = FindMeasure(request.substr(0, bar));
  if (info == nullptr || info->parameters == ParameterKind::kNone) return std::nullopt;
  return request.substr(0, bar) + "." + request.substr(bar + 1);
}

void Take(const std::string& request, Requests& requests) {
  const size_t dot = request.find('.');
  const std::string name = request.substr(0, dot);
  const std::optional<std::string> parameters =
      dot != std::string::npos ? std::optional(request.substr(dot + 1)) : std::nullopt;
  for (const Group& group : Groups()) {
    if (group.name != name) continue;
    if (parameters) Fail(request, "a group of measures takes no parameters");
    for (const std::string_view measure : group.measures) requests[measure];
    return;
  }
  const MeasureInfo* info = FindMeasure(name);
  if (info == nullptr) {
    if (const auto printed = FromPrintedName(request)) return Take(*printed, requests);
    if (name.starts_with("prefs") || name.ends_with("avgjg") || name == "all_prefs" ||
        name == "qrels_jg") {
      Fail(request, "measures of preference judgements are not computed");
    }
    std::string known;
    for (const MeasureInfo& one : AllMeasures()) known.append(" ").append(one.name);
    Fail(request, "unknown; there are official, all_trec, set, and" + known);
  }
  std::vector<std::string>& lists = requests[info->name];
  if (!parameters) return;
  if (info->parameters == ParameterKind::kNone) Fail(request, "takes no parameters");
  if (parameters->empty()) Fail(request, "parameters are missing after the dot");
  if (std::ranges::find(lists, *parameters) == lists.end()) lists.push_back(*parameters);
}

std::string Printed(const char* format, double value) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), format, value);
  return {text.data(), std::min(static_cast<size_t>(length), text.size() - 1)};
}

MeasureParameters ParseParameters(const MeasureInfo& info, const std::string& list) {
  const std::string request = std::string(info.name) + "." + list;
  MeasureParameters out;
  for (const std::string& one : Split(list)) {
    if (info.parameters == ParameterKind::kRanks) {
      out.ranks.push_back(Rank(one, request));
    } else if (info.parameters == ParameterKind::kGains) {
      out.gains.push_back(Gain(one, request));
    } else {
      out.numbers.push_back(Number(one, request));
    }
  }
  if (info.name == "utility" && out.numbers.size() != 4)
    Fail(request, "takes four numbers, as in utility.1,-1,0,0");
  return out;
}

}  // namespace

MeasureSet MeasureSet::Parse(std::span<const std::string> requests, GainKind gain) {
  Requests wanted;
  for (const std::string& request : requests) Take(request, wanted);
  if (requests.empty()) Take("official", wanted);

  MeasureSet set;
  const auto add = [&](const MeasureInfo& info, MeasureParameters parameters,
                       const std::vector<std::string>& names) {
    parameters.gain = gain;
    set.measures_.push_back({&info, std::move(parameters), set.columns_.size(), names.size()});
    for (const std::string& name : names) set.columns_.push_back({name, &info});
  };
  for (const MeasureInfo& info : AllMeasures()) {
    const auto found = wanted.find(info.name);
    if (found == wanted.end()) continue;
    const std::string name(info.name);
    const std::vector<std::string>& lists = found->second;
    if (info.parameters == ParameterKind::kRanks || info.parameters == ParameterKind::kFractions) {
      MeasureParameters all = lists.empty() ? info.defaults : MeasureParameters{};
      for (const std::string& list : lists) {
        const MeasureParameters one = ParseParameters(info, list);
        all.ranks.insert(all.ranks.end(), one.ranks.begin(), one.ranks.end());
        all.numbers.insert(all.numbers.end(), one.numbers.begin(), one.numbers.end());
      }
      SortUnique(all.ranks);
      SortUnique(all.numbers);
      std::vector<std::string> names;
      for (const int64_t rank : all.ranks) names.push_back(name + "_" + std::to_string(rank));
      for (const double number : all.numbers) names.push_back(name + Printed("_%3.2f", number));
      add(info, std::move(all), names);
    } else if (lists.empty()) {
      add(info, info.defaults, {name});
    } else {
      for (const std::string& list : lists) {
        std::string printed = name;
        printed += "_" + list;
        add(info, ParseParameters(info, list), {printed});
      }
    }
  }
  return set;
}

}  // namespace dear::eval

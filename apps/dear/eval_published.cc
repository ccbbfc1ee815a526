#include "eval_published.h"

#include <algorithm>
#include <span>
#include <system_error>

#include "base/embedded.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "eval/measure_set.h"
#include "text/yaml_fields.h"

namespace dear {
std::span<const EmbeddedFile> EmbeddedFiles_published();
}

namespace dear::app {
namespace {

namespace fs = std::filesystem;

PublishedTable Parse(std::string_view text, const std::string& context) {
  YamlFields fields(ParseYaml(text, context), context);
  PublishedTable table;
  table.title = fields.RequireString("title");
  table.source = fields.String("source", "");
  table.measures = fields.Strings("measures");
  if (table.measures.empty()) fields.Fail("measures", "names no measure");
  size_t columns = 0;
  try {
    columns = eval::MeasureSet::Parse(table.measures, eval::GainKind::kLinear).columns().size();
  } catch (const Error& error) {
    fields.Fail("measures", error.what());
  }
  for (YamlFields& one : fields.Maps("sets")) {
    PublishedTable::Set set;
    set.name = one.RequireString("name");
    set.qrels = one.Strings("qrels");
    if (set.qrels.empty()) one.Fail("qrels", "names no file");
    set.jobs = one.Strings("jobs");
    set.where = one.RequireString("where");
    one.Finish();
    table.sets.push_back(std::move(set));
  }
  if (table.sets.empty()) fields.Fail("sets", "there are none");
  for (YamlFields& one : fields.Maps("published")) {
    PublishedTable::Row row;
    row.system = one.RequireString("system");
    row.values = one.Strings("values");
    if (row.values.size() != columns * table.sets.size()) {
      one.Fail("values", "holds " + std::to_string(row.values.size()) + " figures, expected " +
                             std::to_string(columns * table.sets.size()));
    }
    one.Finish();
    table.rows.push_back(std::move(row));
  }
  fields.Finish();
  return table;
}

}  // namespace

std::vector<std::string> PublishedTableNames() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : EmbeddedFiles_published()) names.emplace_back(file.name);
  return names;
}

PublishedTable LoadPublishedTable(const std::string& name) {
  for (const EmbeddedFile& file : EmbeddedFiles_published()) {
    if (file.name == name) return Parse(file.text, "table " + name);
  }
  if (name.ends_with(".yaml") || name.ends_with(".yml")) return Parse(ReadFile(name), name);
  std::string known;
  for (const std::string& one : PublishedTableNames()) known.append(" ").append(one);
  throw Error(ErrorCode::kNotFound, "table '" + name + "'",
              "is neither a .yaml file nor one of" + known);
}

fs::path FindSetFile(const PublishedTable::Set& set, const std::vector<std::string>& names,
                     const fs::path& folder) {
  std::error_code error;
  for (const std::string& name : names) {
    if (fs::is_regular_file(folder / name, error)) return folder / name;
  }
  throw Error(
      ErrorCode::kNotFound, (folder / (names.empty() ? set.name : names.front())).string(),
      "is not there (looked in --data); where " + set.name + " is normally had: " + set.where);
}

std::string PublishedText(const PublishedTable& table, const std::vector<std::string>& columns,
                          const std::vector<PublishedTable::Row>& own, const Terminal& terminal) {
  std::vector<std::vector<std::string>> cells(1);
  cells[0].emplace_back("system");
  cells[0].insert(cells[0].end(), columns.begin(), columns.end());
  const auto add = [&](const PublishedTable::Row& row) {
    cells.push_back({OneLine(row.system, 50, terminal.unicode)});
    cells.back().insert(cells.back().end(), row.values.begin(), row.values.end());
  };
  std::ranges::for_each(table.rows, add);
  std::ranges::for_each(own, add);
  std::vector<int> widths(cells[0].size());
  for (const auto& row : cells) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], DisplayWidth(row[c]));
  }
  std::string out = terminal.Styled("1", table.title) + "\n";
  for (size_t r = 0; r < cells.size(); ++r) {
    std::string line;
    for (size_t c = 0; c < widths.size(); ++c)
      line += c == 0 ? PadRight(cells[r][c], widths[c]) : "  " + PadLeft(cells[r][c], widths[c]);
    const bool ours = r > table.rows.size();
    out += (r == 0 ? terminal.Styled("1", line)
            : ours ? terminal.Styled("1;32", line)
                   : line) +
           "\n";
  }
  if (!table.source.empty())
    out += terminal.Styled("2", "published figures: " + table.source) + "\n";
  return out;
}

}  // namespace dear::app

#ifndef DEAR_APPS_DEAR_EVAL_PUBLISHED_H_
#define DEAR_APPS_DEAR_EVAL_PUBLISHED_H_

#include <filesystem>
#include <string>
#include <vector>

#include "terminal.h"

namespace dear::app {

// A published table (recipes/eval/*.yaml): which files of which sets, which measures, and what
// others reached. Nothing is fetched: what is missing is named, with where it is normally had.
struct PublishedTable {
  struct Set {
    std::string name;
    std::vector<std::string> qrels;  // names under which the file is known, in the data folder
    std::vector<std::string> jobs;
    std::string where;
  };
  struct Row {
    std::string system;
    std::vector<std::string> values;  // [sets * columns of the measures], "-" where unknown
  };
  std::string title;
  std::string source;
  std::vector<std::string> measures;
  std::vector<Set> sets;
  std::vector<Row> rows;
};

std::vector<std::string> PublishedTableNames();
// A shipped table by name, or a .yaml file. Throws kNotFound or kInvalidFormat.
PublishedTable LoadPublishedTable(const std::string& name);

// The first of the names that stands in the folder. Throws kNotFound that says where the set is
// had.
std::filesystem::path FindSetFile(const PublishedTable::Set& set,
                                  const std::vector<std::string>& names,
                                  const std::filesystem::path& folder);

// The table with its rows and `own` rows after them; `columns` heads the values.
std::string PublishedText(const PublishedTable& table, const std::vector<std::string>& columns,
                          const std::vector<PublishedTable::Row>& own, const Terminal& terminal);

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_EVAL_PUBLISHED_H_

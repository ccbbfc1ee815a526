#include "train/dataset_info.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/error.h"

namespace dear {
namespace {

// Their places are held in memory.
constexpr int64_t kMaxSamples = int64_t{1} << 27;

using Names = std::initializer_list<const char*>;

std::string Listed(Names names) {
  std::string out;
  for (const char* name : names) {
    out += out.empty() ? "" : ", ";
    out += name;
  }
  return out;
}

bool IsUsed(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return !value.is_null();
}

// A key that LLaMA-Factory knows and this program does not serve is told from a misspelt one.
void CheckKeys(const Json& object, Names known, Names unsupported, const std::string& context,
               const char* advice) {
  for (const auto& [key, value] : object.items()) {
    const auto is_key = [&key = key](const char* name) { return key == name; };
    if (std::any_of(known.begin(), known.end(), is_key)) continue;
    if (std::none_of(unsupported.begin(), unsupported.end(), is_key)) {
      throw Error(ErrorCode::kInvalidFormat, context,
                  "field '" + key + "' is unknown; known are " + Listed(known));
    }
    if (IsUsed(value)) {
      throw Error(ErrorCode::kUnsupported, context,
                  "field '" + key + "' is not supported" + advice);
    }
  }
}

// As in LLaMA-Factory, a list of columns says everything: those it leaves out are not read.
SftColumns ReadColumns(const Json& object, SftLayout layout, const std::string& context) {
  const JsonFields fields(object, context);
  CheckKeys(object, {"prompt", "query", "response", "system", "history", "messages"},
            {"tools", "images", "videos", "audios", "chosen", "rejected", "kto_tag"}, context,
            ": training on texts alone is");
  SftColumns columns;
  columns.named = true;
  columns.prompt = fields.String("prompt");
  columns.query = fields.String("query");
  columns.response = fields.String("response");
  columns.system = fields.String("system");
  columns.history = fields.String("history");
  columns.messages = fields.String("messages");
  const bool is_alpaca = layout == SftLayout::kAlpaca;
  if (is_alpaca && !columns.response)
    fields.Fail("response", "is missing, and with it all answers");
  if (!is_alpaca && !columns.messages) fields.Fail("messages", "is missing");
  return columns;
}

SftTags ReadTags(const Json& object, const std::string& context) {
  const JsonFields fields(object, context);
  CheckKeys(object,
            {"role_tag", "content_tag", "user_tag", "assistant_tag", "observation_tag",
             "function_tag", "system_tag"},
            {}, context, "");
  SftTags tags;
  tags.role = fields.RequireString("role_tag");
  tags.content = fields.RequireString("content_tag");
  tags.user = fields.RequireString("user_tag");
  tags.assistant = fields.RequireString("assistant_tag");
  tags.observation = fields.String("observation_tag");
  tags.function = fields.String("function_tag");
  tags.system = fields.String("system_tag");
  return tags;
}

SftLayout ReadLayout(const JsonFields& fields) {
  const std::string name = fields.String("formatting", "alpaca");
  if (name == "alpaca") return SftLayout::kAlpaca;
  if (name == "sharegpt") return SftLayout::kSharegpt;
  // LLaMA-Factory's adds a line about reasoning to the system message of such rows.
  if (name == "openai") {
    throw Error(
        ErrorCode::kUnsupported, fields.context(),
        "formatting 'openai' is not supported; name role and content with sharegpt and tags");
  }
  fields.Fail("formatting", "expected alpaca or sharegpt, found '" + name + "'");
}

bool IsJsonFile(const std::filesystem::path& path) {
  return path.extension() == ".json" || path.extension() == ".jsonl";
}

std::vector<std::filesystem::path> FilesAt(const std::filesystem::path& path,
                                           const std::string& context) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(path, error)) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry);
    std::sort(files.begin(), files.end());
  } else if (std::filesystem::is_regular_file(path, error)) {
    files.push_back(path);
  }
  if (files.empty()) {
    throw Error(ErrorCode::kNotFound, context, "there is no data file " + path.string());
  }
  for (const std::filesystem::path& file : files) {
    if (IsJsonFile(file)) continue;
    throw Error(ErrorCode::kUnsupported, context,
                "data file " + file.string() + ": expected .json or .jsonl");
  }
  return files;
}

SftSource SourceOfFile(const std::string& name, const std::filesystem::path& dataset_dir) {
  SftSource source;
  source.name = name;
  std::error_code error;
  const std::filesystem::path inside = dataset_dir / name;
  const bool is_here = std::filesystem::exists(name, error);
  source.files = FilesAt(is_here ? std::filesystem::path(name) : inside, "dataset '" + name + "'");
  source.columns.system = "system";
  source.columns.history = "history";
  return source;
}

std::vector<std::string> SplitNames(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, comma);
    const size_t first = std::min(name.find_first_not_of(" \t"), name.size());
    name.remove_prefix(first);
    name = name.substr(0, name.find_last_not_of(" \t") + 1);
    if (!name.empty()) names.emplace_back(name);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return names;
}

// dataset_info.json, read when the first name asks for it.
class DatasetInfo {
 public:
  explicit DatasetInfo(std::filesystem::path folder) : folder_(std::move(folder)) {}

  SftSource Find(const std::string& name) {
    const std::string file = (folder_ / "dataset_info.json").string();
    if (entries_.is_null()) entries_ = ReadJsonFile(file);
    if (!entries_.is_object()) {
      throw Error(ErrorCode::kInvalidFormat, file, "expected an object from names to datasets");
    }
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      throw Error(ErrorCode::kNotFound, file, "it names no dataset '" + name + "'" + Known());
    }
    const std::string context = file + ": dataset '" + name + "'";
    SftSource source = ParseSftSource(*found, name, context);
    const std::string data = JsonFields(*found, context).RequireString("file_name");
    source.files = FilesAt(folder_ / data, context);
    return source;
  }

 private:
  std::string Known() const {
    constexpr size_t kShown = 20;
    std::string out;
    size_t shown = 0;
    for (const auto& [name, entry] : entries_.items()) {
      if (++shown > kShown) return out + ", …";
      out += (out.empty() ? "; it names " : ", ") + name;
    }
    return out;
  }

  std::filesystem::path folder_;
  Json entries_;
};

}  // namespace

SftSource ParseSftSource(const Json& entry, const std::string& name, const std::string& context) {
  const JsonFields fields(entry, context);
  // file_sha1 stands in older files and was never checked by what reads them.
  CheckKeys(entry,
            {"file_name", "formatting", "columns", "tags", "num_samples", "split", "file_sha1"},
            {"hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name", "ranking",
             "subset", "folder"},
            context, "; put the data into a .json or .jsonl file and name it with file_name");
  SftSource source;
  source.name = name;
  source.layout = ReadLayout(fields);
  fields.RequireString("file_name");
  const std::string split = fields.String("split", "train");
  if (split != "train") {
    fields.Fail("split", "a file has no split but 'train', found '" + split + "'");
  }
  source.num_samples = fields.Int("num_samples");
  if (source.num_samples && (*source.num_samples < 1 || *source.num_samples > kMaxSamples)) {
    fields.Fail("num_samples", "expected 1.." + std::to_string(kMaxSamples));
  }
  if (const Json* columns = fields.Find("columns")) {
    source.columns = ReadColumns(*columns, source.layout, context + ": columns");
  }
  if (const Json* tags = fields.Find("tags"); tags && source.layout == SftLayout::kSharegpt) {
    source.tags = ReadTags(*tags, context + ": tags");
  }
  return source;
}

std::vector<SftSource> FindSftSources(std::string_view datasets,
                                      const std::filesystem::path& dataset_dir) {
  DatasetInfo info(dataset_dir);
  std::vector<SftSource> sources;
  for (const std::string& name : SplitNames(datasets)) {
    sources.push_back(IsJsonFile(name) ? SourceOfFile(name, dataset_dir) : info.Find(name));
  }
  if (sources.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "dataset", "expected the name of at least one");
  }
  return sources;
}

}  // namespace dear

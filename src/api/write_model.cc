#include "api/write_model.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "api/gguf_tokenizer_files.h"
#include "api/gguf_vocabulary.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "model/export_folder.h"
#include "model/export_gguf.h"

namespace dear {
namespace fs = std::filesystem;
namespace {

// What else makes a folder usable by the Python libraries.
constexpr const char* kTokenizerFiles[] = {"tokenizer.json",
                                           "tokenizer.model",
                                           "tokenizer_config.json",
                                           "special_tokens_map.json",
                                           "added_tokens.json",
                                           "vocab.json",
                                           "merges.txt",
                                           "chat_template.jinja"};

bool IsGgufName(const fs::path& out) {
  return out.extension() == ".gguf";
}

std::optional<FolderForm> FolderFormOf(const std::string& form) {
  static constexpr std::pair<std::string_view, FolderForm> kForms[] = {
      {"f32", FolderForm::kF32},   {"f16", FolderForm::kF16}, {"bf16", FolderForm::kBF16},
      {"int8", FolderForm::kInt8}, {"nf4", FolderForm::kNf4}, {"fp4", FolderForm::kFp4}};
  for (const auto& [name, value] : kForms)
    if (form == name) return value;
  return std::nullopt;
}

std::optional<DType> GgufTypeOf(const std::string& form) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ5_1,
                            DType::kQ5_0, DType::kQ4_1, DType::kQ4_0}) {
    if (form == DTypeName(dtype)) return dtype;
  }
  return std::nullopt;
}

void WriteJson(const fs::path& path, const OrderedJson& json) {
  const std::string text = json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
  WriteFileAtomically(path, std::as_bytes(std::span(text)));
}

void WriteGgufFile(const LoadedModel& loaded, const ExportPlan& plan, const fs::path& out,
                   const WriteModelOptions& options) {
  GgufWriter writer;
  const bool own = loaded.files.adapter && HasTokenizer(*loaded.files.adapter);
  if (!loaded.tokenizer) {
    throw Error(ErrorCode::kNotFound, loaded.files.base.string(),
                "has no tokenizer, and a .gguf file needs one; write a folder");
  }
  if (own || !loaded.checkpoint.gguf) {
    SetGgufVocabulary(own ? *loaded.files.adapter : loaded.files.base, *loaded.tokenizer,
                      plan.config, writer);
  } else {
    writer.CopyMetadata(*loaded.checkpoint.gguf);
  }
  ExportGguf(
      loaded.checkpoint, plan, std::move(writer), out,
      {.dtype = *GgufTypeOf(options.form), .progress = options.progress, .cancel = options.cancel});
}

// A folder beside `out` that takes its name when it is complete, and vanishes otherwise.
class NewFolder {
 public:
  explicit NewFolder(const fs::path& out) : out_(out), path_(Beside(out, ".new")) {
    fs::create_directories(path_);
  }
  ~NewFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  const fs::path& path() const { return path_; }
  void TakePlace() {
    const fs::path old = Beside(out_, ".old");
    const bool replaces = fs::exists(out_);
    if (replaces) fs::rename(out_, old);
    fs::rename(path_, out_);
    if (replaces) fs::remove_all(old);
  }

 private:
  static fs::path Beside(const fs::path& out, const std::string& what) {
    return out.parent_path() / ("." + out.filename().string() + what + std::to_string(getpid()));
  }
  fs::path out_;
  fs::path path_;
};

fs::path Normal(const fs::path& out) {
  const fs::path path = fs::absolute(out).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

}  // namespace

void WriteTokenizer(const ModelFiles& files, const Checkpoint& checkpoint,
                    const Tokenizer& tokenizer, const fs::path& folder) {
  const bool own = files.adapter && HasTokenizer(*files.adapter);
  if (!own && checkpoint.gguf) {
    const TokenizerFiles made = TokenizerFilesOf(*checkpoint.gguf, tokenizer);
    if (!made.tokenizer.is_null()) WriteJson(folder / "tokenizer.json", made.tokenizer);
    if (!made.model.empty())
      WriteFileAtomically(folder / "tokenizer.model", std::as_bytes(std::span(made.model)));
    WriteJson(folder / "tokenizer_config.json", made.config);
    return;
  }
  const fs::path source = own ? *files.adapter : files.base;
  for (const char* name : kTokenizerFiles) {
    if (!fs::exists(source / name)) continue;
    fs::copy_file(source / name, folder / name, fs::copy_options::overwrite_existing);
  }
}

void CheckWriteModel(const fs::path& out, const WriteModelOptions& options) {
  const auto refuse = [](const std::string& where, const std::string& what) {
    throw Error(ErrorCode::kInvalidArgument, where, what);
  };
  const bool gguf = IsGgufName(out);
  if (gguf && !GgufTypeOf(options.form))
    refuse(options.form, "is no form of a .gguf file; name a folder as the output");
  if (!gguf && !FolderFormOf(options.form))
    refuse(options.form, "is a form of .gguf files; give the output such a name");
  if (options.double_quant && options.form != "nf4" && options.form != "fp4")
    refuse("double-quant", "goes with nf4 and fp4 only");
  if (!fs::exists(out)) return;
  if (!gguf && fs::is_directory(out) && fs::is_empty(out)) return;
  if (!options.overwrite) refuse(out.string(), "is already there; replace it with --overwrite");
  if (gguf ? !fs::is_regular_file(out) : !fs::exists(out / "config.json"))
    refuse(out.string(), "is no model, and is not replaced by one");
}

void WriteModel(const LoadedModel& loaded, const Adapter* adapter, const fs::path& out,
                const WriteModelOptions& options) {
  CheckWriteModel(out, options);
  const fs::path target = Normal(out);
  for (const fs::path& source :
       {loaded.files.base, loaded.files.adapter.value_or(loaded.files.base)}) {
    std::error_code ignored;
    if (fs::equivalent(source, target, ignored))
      throw Error(ErrorCode::kInvalidArgument, out.string(),
                  "is what is being read; write elsewhere");
  }
  const ExportPlan plan = PlanExport(loaded.checkpoint, *loaded.model, adapter);
  if (IsGgufName(target)) {
    WriteGgufFile(loaded, plan, target, options);
    return;
  }
  NewFolder folder(target);
  // A source without one makes a folder without one.
  if (loaded.tokenizer)
    WriteTokenizer(loaded.files, loaded.checkpoint, *loaded.tokenizer, folder.path());
  ExportFolder(loaded.checkpoint, plan, folder.path(),
               {.form = *FolderFormOf(options.form),
                .double_quant = options.double_quant,
                .progress = options.progress,
                .cancel = options.cancel});
  folder.TakePlace();
}

}  // namespace dear

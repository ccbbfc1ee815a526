// dear doctor: what this machine has, and what is missing.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "api/packed_cache.h"
#include "base/mapped_file.h"
#include "base/sha256.h"
#include "base/thread_pool.h"
#include "command.h"
#include "hub/hub_cache.h"
#include "hub/packed_folder.h"
#include "json_output.h"
#include "kernels/cpu/amx.h"
#include "kernels/cpu/isa.h"
#include "machine.h"
#include "model_flags.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {
namespace {

namespace fs = std::filesystem;

struct Finding {
  std::string what;
  bool ok;
  std::string detail;
};

Finding Memory() {
  const uint64_t bytes = ProcBytes("/proc/meminfo", "MemAvailable");
  // The default model and its workspace; larger models say what they take in `dear show`.
  return {"memory", bytes > uint64_t{1} << 30, HumanBytes(bytes) + " available"};
}

Finding Folder(const std::string& what, const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder, error)) return {what, true, folder.string() + " (not there yet)"};
  const bool readable = access(folder.c_str(), R_OK | X_OK) == 0;
  const bool writable = access(folder.c_str(), W_OK) == 0;
  return {what, readable,
          folder.string() + (!readable  ? " (not readable)"
                             : writable ? ""
                                        : " (read-only)")};
}

Finding PackedWeightsCache() {
  Finding finding = Folder("packed weights", DearPackedFolder());
  finding.detail += ", " + HumanBytes(PackedFolder(DearPackedFolder()).Bytes());
  // As the commands that load models read it; a text that is no size has ended the program before.
  const char* given = std::getenv("DEAR_PACKED_CACHE");
  const uint64_t limit = ParseCacheLimit(
      given == nullptr || *given == '\0' ? ModelFlags{}.packed_cache : given, "DEAR_PACKED_CACHE");
  finding.detail += limit == 0 ? " (switched off)" : " of at most " + HumanBytes(limit);
  return finding;
}

Finding Shipped(const ShippedModel& model) {
  const fs::path path = DearModelFolder() / model.file;
  std::error_code error;
  if (!fs::exists(path, error))
    return {model.name, false, path.string() + " is missing; get it with: " + model.how_to_get};
  const auto file = MappedFile::Open(path);
  if (file->bytes().size() != model.bytes) {
    return {model.name, false,
            path.string() + " has " + std::to_string(file->bytes().size()) + " bytes, expected " +
                std::to_string(model.bytes)};
  }
  if (const std::string hash = Sha256Hex(file->bytes()); hash != model.sha256)
    return {model.name, false,
            path.string() + " has sha256 " + hash + ", expected " + model.sha256};
  return {model.name, true, path.string() + " (sha256 as expected)"};
}

std::vector<Finding> Examine() {
  std::vector<Finding> findings;
  findings.push_back({"cpu", true, ProcessorName()});
  findings.push_back({"instructions", true, std::string(cpu::ChooseKernels(WantedIsa()).name)});
  const auto is_amx = [](const cpu::KernelTable* table) {
    return table->name == std::string("amx");
  };
  if (cpu::AmxTiles() != nullptr && cpu::MachineHasAmx() &&
      std::ranges::none_of(cpu::RunnableKernels(), is_amx)) {
    findings.push_back(
        {"amx", false, "is there, but gave a wrong product when it was tried; not used"});
  }
  findings.push_back({"threads", true, std::to_string(ThreadPool::AvailableThreads()) + " usable"});
  findings.push_back(Memory());
  findings.push_back(Folder("model cache", DearModelFolder()));
  findings.push_back(Folder("hub cache", HubCacheFolder()));
  findings.push_back(PackedWeightsCache());
  for (const ShippedModel& model : ShippedModels()) findings.push_back(Shipped(model));
  return findings;
}

int Doctor(bool json) {
  const std::vector<Finding> findings = Examine();
  if (json) {
    OrderedJson out = OrderedJson::array();
    for (const Finding& finding : findings) {
      out.push_back({{"check", finding.what},
                     {"status", finding.ok ? "ok" : "warn"},
                     {"detail", finding.detail}});
    }
    Print(Dump(OrderedJson{{"version", DEAR_VERSION}, {"checks", out}}, 2) + "\n");
    return 0;
  }
  const Terminal terminal = Terminal::Of(STDOUT_FILENO);
  for (const Finding& finding : findings) {
    Print((finding.ok ? terminal.Styled("32", "ok  ") : terminal.Styled("33", "warn")) + "  " +
          PadRight(finding.what, 24) + finding.detail + "\n");
  }
  return 0;
}

}  // namespace

void AddDoctor(CLI::App& app, Globals& globals) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = AddCommand(app, globals, "doctor",
                                 "Checks this machine: processor, threads, memory, caches, models",
                                 "  dear doctor\n"
                                 "  dear doctor --json");
  command->add_flag("--json", *json, "Print JSON");
  command->callback([json, &globals] { globals.run = [json] { return Doctor(*json); }; });
}

}  // namespace dear::app

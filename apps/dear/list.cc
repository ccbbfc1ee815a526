// dear list: what can be named with -m.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

#include "command.h"
#include "formats/peft_adapter.h"
#include "hub/hub_cache.h"
#include "json_output.h"
#include "rank/recipe.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {
namespace {

namespace fs = std::filesystem;

struct CachedModel {
  std::string id;
  std::string
      kind;  // "adapter", "model" or "other" (no model of ours: tokenizer alone, a data set)
  fs::path path;
};

// Every "models--ORG--NAME" of the hub's cache that has a snapshot.
std::vector<CachedModel> CachedModels() {
  std::vector<CachedModel> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(HubCacheFolder(), error)) {
    std::string id = entry.path().filename().string();
    if (!id.starts_with("models--")) continue;
    id.erase(0, 8);
    if (const size_t dashes = id.find("--"); dashes != std::string::npos)
      id.replace(dashes, 2, "/");
    const auto snapshot = FindHubSnapshot(id);
    if (!snapshot) continue;
    std::string kind = "other";
    if (IsPeftAdapter(*snapshot)) {
      kind = "adapter";
    } else if (fs::exists(*snapshot / "config.json", error)) {
      kind = "model";
    }
    found.push_back({id, kind, *snapshot});
  }
  std::ranges::sort(found, {}, &CachedModel::id);
  return found;
}

int ListRecipes(bool json) {
  OrderedJson list = OrderedJson::array();
  std::vector<std::vector<std::string>> rows = {{"RECIPE", "KIND", "WHAT"}};
  for (const std::string& name : RecipeNames()) {
    const Recipe recipe = LoadRecipe(name);
    list.push_back({{"name", name},
                    {"kind", RecipeKindName(recipe.kind)},
                    {"description", recipe.description}});
    rows.push_back({name, std::string(RecipeKindName(recipe.kind)), recipe.description});
  }
  Print(json ? Dump(OrderedJson{{"recipes", list}}, 2) + "\n" : Columns(rows));
  return 0;
}

int List(bool json) {
  OrderedJson shipped = OrderedJson::array();
  std::vector<std::vector<std::string>> rows = {{"NAME", "KIND", "SIZE", "WHERE"}};
  for (const ShippedModel& model : ShippedModels()) {
    const fs::path path = ShippedPath(model);
    std::error_code error;
    const bool present = fs::exists(path, error);
    shipped.push_back({{"name", model.name},
                       {"path", path.string()},
                       {"present", present},
                       {"bytes", model.bytes},
                       {"licence", model.licence}});
    rows.push_back({model.name, "shipped", HumanBytes(model.bytes),
                    present ? path.string() : "not fetched yet: " + model.how_to_get});
  }
  OrderedJson cached = OrderedJson::array();
  for (const CachedModel& model : CachedModels()) {
    cached.push_back({{"name", model.id}, {"kind", model.kind}, {"path", model.path.string()}});
    rows.push_back({model.id, model.kind, "", model.path.string()});
  }
  Print(json ? Dump(OrderedJson{{"shipped", shipped}, {"cached", cached}}, 2) + "\n"
             : Columns(rows));
  return 0;
}

}  // namespace

void AddList(CLI::App& app, Globals& globals) {
  struct Options {
    bool recipes = false;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      AddCommand(app, globals, "list", "Lists the models and recipes that can be named",
                 "  dear list\n"
                 "  dear list --recipes");
  command->add_flag("--recipes", options->recipes, "List the recipes for rerank --recipe");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &globals] {
    globals.run = [options] {
      return options->recipes ? ListRecipes(options->json) : List(options->json);
    };
  });
}

}  // namespace dear::app

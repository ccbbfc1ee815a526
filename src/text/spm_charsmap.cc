#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "text/spm_model.h"
#include "text/unicode.h"

namespace dear {
namespace {

// A unit of a Darts-clone double array, as its header describes it.
struct Unit {
  uint32_t bits;

  bool has_leaf() const { return (bits >> 8 & 1) != 0; }
  uint32_t offset() const { return bits >> 10 << ((bits & (1U << 9)) >> 6); }
  uint32_t value() const { return bits & ((1U << 31) - 1); }
  // Of a leaf the top bit is set, so that no byte equals its label.
  uint32_t label() const { return bits & (1U << 31 | 0xFF); }
};

uint32_t ReadWord(std::string_view bytes, size_t index) {
  uint32_t word;
  std::memcpy(&word, bytes.data() + index * sizeof(word), sizeof(word));
  return word;
}

}  // namespace

void CheckCharsMap(std::string_view bytes, const std::string& context) {
  const auto fail = [&](const char* what) {
    throw Error(ErrorCode::kInvalidFormat, context,
                std::string("field 'precompiled_charsmap': ") + what);
  };
  if (bytes.size() < sizeof(uint32_t)) fail("too short");
  const uint32_t num_bytes = ReadWord(bytes, 0);
  bytes.remove_prefix(sizeof(uint32_t));
  if (num_bytes % sizeof(uint32_t) != 0 || num_bytes == 0 || num_bytes >= bytes.size()) {
    fail("its array reaches beyond the end");
  }
  const std::string_view array = bytes.substr(0, num_bytes);
  const std::string_view strings = bytes.substr(num_bytes);
  if (strings.back() != '\0') fail("its last string does not end");
  if (!IsValidUtf8(strings)) fail("its strings are not valid UTF-8");
  const size_t num_units = num_bytes / sizeof(uint32_t);

  // A node is a unit and where it stands: its children stand at (place ^ offset ^ byte).
  std::vector<uint8_t> seen(num_units);
  std::vector<uint32_t> open = {0};
  seen[0] = 1;
  while (!open.empty()) {
    const uint32_t place = open.back();
    open.pop_back();
    const Unit unit{ReadWord(array, place)};
    const uint32_t base = place ^ unit.offset();
    // A walk looks at the unit before it compares the label, so all 256 must be there.
    if ((base | 0xFF) >= num_units) fail("a node has children outside of the array");
    if (unit.has_leaf()) {
      const uint32_t value = Unit{ReadWord(array, base)}.value();
      if (value >= strings.size() || IsUtf8Continuation(strings[value])) {
        fail("a value points to no string");
      }
    }
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const uint32_t child = base ^ byte;
      if (Unit{ReadWord(array, child)}.label() != byte || seen[child] != 0) continue;
      seen[child] = 1;
      open.push_back(child);
    }
  }
}

}  // namespace dear

#include "text/byte_level.h"

#include <array>

#include "text/unicode.h"

namespace dear {
namespace {

constexpr char32_t kEndOfChars = 0x144;

struct Tables {
  std::array<uint16_t, 256> char_of_byte{};
  std::array<int16_t, kEndOfChars> byte_of_char{};
};

constexpr Tables MakeTables() {
  Tables tables;
  tables.byte_of_char.fill(-1);
  uint16_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool prints =
        (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    const uint16_t c = prints ? static_cast<uint16_t>(byte) : next++;
    tables.char_of_byte[static_cast<size_t>(byte)] = c;
    tables.byte_of_char[c] = static_cast<int16_t>(byte);
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

}  // namespace

char32_t ByteLevelChar(uint8_t byte) {
  return kTables.char_of_byte[byte];
}

int ByteLevelByte(char32_t character) {
  return character < kEndOfChars ? kTables.byte_of_char[character] : -1;
}

std::string BytesToByteLevel(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) AppendUtf8(ByteLevelChar(static_cast<uint8_t>(byte)), out);
  return out;
}

bool IsByteLevel(std::string_view token) {
  for (size_t i = 0; i < token.size();) {
    if (ByteLevelByte(DecodeUtf8(token, i)) < 0) return false;
  }
  return true;
}

void AppendByteLevelBytes(std::string_view token, std::string& out) {
  const size_t before = out.size();
  for (size_t i = 0; i < token.size();) {
    const int byte = ByteLevelByte(DecodeUtf8(token, i));
    if (byte < 0) {
      out.resize(before);
      out.append(token);
      return;
    }
    out.push_back(static_cast<char>(byte));
  }
}

}  // namespace dear

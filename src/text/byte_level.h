#ifndef DEAR_TEXT_BYTE_LEVEL_H_
#define DEAR_TEXT_BYTE_LEVEL_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace dear {

// GPT-2's one-to-one map between bytes and printable characters: a byte that prints in Latin-1 is
// itself, the others follow from U+0100 in order of their value.
char32_t ByteLevelChar(uint8_t byte);
int ByteLevelByte(char32_t character);  // -1 where it stands for no byte

std::string BytesToByteLevel(std::string_view bytes);
// Appends the bytes of `token`, or `token` itself where it holds another character.
void AppendByteLevelBytes(std::string_view token, std::string& out);
// Whether every character of `token` stands for a byte.
bool IsByteLevel(std::string_view token);

}  // namespace dear

#endif  // DEAR_TEXT_BYTE_LEVEL_H_

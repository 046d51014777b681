// Philox through Random123; see random_bits.hpp.
#include "formats/random_bits.hpp"

#include <Random123/philox.h>

namespace precsim::formats {

std::array<std::uint32_t, 4> philox_block(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  const r123::Philox4x32::ctr_type c{{counter[0], counter[1], counter[2], counter[3]}};
  const r123::Philox4x32::key_type k{{key[0], key[1]}};
  const auto r = r123::Philox4x32()(c, k);
  return {r[0], r[1], r[2], r[3]};
}

std::array<std::uint32_t, 4> RandomBits::block(std::uint64_t block) const {
  const auto low = static_cast<std::uint32_t>(block);
  const auto high = static_cast<std::uint32_t>(block >> 32);
  return philox_block({low, step, tensor, use + 256u * high}, {seed, static_cast<std::uint32_t>(stream)});
}

std::uint32_t tensor_id(std::string_view layer_and_role) {
  std::uint32_t hash = 0x811c9dc5u;
  for (const char c : layer_and_role) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193u;
  }
  return hash;
}

}  // namespace precsim::formats

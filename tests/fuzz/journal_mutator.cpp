// Mutates what stands in the entries of a journal, so that checksums and numbers do not keep the fuzzer from it.
#include <zlib.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "experiments/record/bytes.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed);

namespace {

using precsim::record::append_integer;
using precsim::record::integer_at;

constexpr std::size_t frame_bytes = 20;
/// Target `recovery` has a byte before the journal, target `journal` none.
constexpr std::size_t prefix = PRECSIM_JOURNAL_AT;

std::uint32_t crc_of(const std::string& bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string framed(const std::vector<std::string>& bodies) {
  std::string journal;
  for (std::size_t number = 0; number < bodies.size(); ++number) {
    std::string guarded;
    append_integer(guarded, bodies[number].size(), 4);
    append_integer(guarded, number, 8);
    guarded += bodies[number];
    journal += "PSJ1" + guarded.substr(0, 4);
    append_integer(journal, crc_of(guarded), 4);
    journal += guarded.substr(4);
  }
  return journal;
}

/// The bodies of entries as their lengths say, whatever their checksums.
std::vector<std::string> bodies_of(std::string_view journal) {
  std::vector<std::string> bodies;
  while (journal.size() >= frame_bytes) {
    const std::size_t length = std::min<std::size_t>(integer_at(journal.substr(4), 4), journal.size() - frame_bytes);
    bodies.emplace_back(journal.substr(frame_bytes, length));
    journal.remove_prefix(frame_bytes + length);
  }
  return bodies;
}

void mutate(std::string& body, std::size_t room) {
  const std::size_t size = body.size();
  body.resize(size + room);
  body.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(body.data()), size, body.size()));
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<std::string> bodies;
  if (size > prefix) bodies = bodies_of({reinterpret_cast<const char*>(data) + prefix, size - prefix});
  if (bodies.empty() || random() % 4 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const std::size_t chosen = random() % bodies.size();
  switch (random() % 6) {
    case 0:
      bodies.insert(bodies.begin() + static_cast<std::ptrdiff_t>(chosen), bodies[random() % bodies.size()]);
      break;
    case 1:
      bodies.erase(bodies.begin() + static_cast<std::ptrdiff_t>(chosen));
      break;
    default:
      mutate(bodies[chosen], 64);
  }
  const std::string journal = framed(bodies);
  if (prefix + journal.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data + prefix, journal.data(), journal.size());
  return prefix + journal.size();
}

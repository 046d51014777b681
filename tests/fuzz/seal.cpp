// Fuzzes sealed records. The first byte chooses: any bytes before a seal, or a record with bytes of it changed.
#include "experiments/record/seal.hpp"

#include <zlib.h>

#include "experiments/record/compare.hpp"
#include "tests/fuzz/record_seed.hpp"
#include "tests/fuzz/scratch.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
namespace {

constexpr std::string_view marker = "PRECSIM1";
constexpr std::size_t seal_bytes = marker.size() + 4;

bool has_marker(std::string_view file) {
  return file.size() >= seal_bytes && file.substr(file.size() - seal_bytes, marker.size()) == marker;
}

/// By the definition in seal.hpp.
bool seal_holds(std::string_view file) {
  const std::string_view content = file.substr(0, file.size() - seal_bytes);
  std::uint64_t stored = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    stored |= std::uint64_t{static_cast<unsigned char>(file[file.size() - 4 + i])} << (8 * i);
  }
  return crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()) == stored;
}

/// The record with bytes changed: four of the place, one of the change, again and again.
std::string changed_record(Input& input) {
  std::string file = small_image(small_identity);
  while (!input.at_end()) {
    char& byte = file[input.integer(4) % file.size()];
    byte = static_cast<char>(byte ^ input.byte());
  }
  return file;
}

}  // namespace

/// A file that ends as a sealed one, but whose seal is broken, is refused by every reader, and before HDF5 sees it; an
/// unchanged record is read. What an intact seal or none lets through to HDF5 1.10 may crash it: not promised, not
/// fuzzed here (target `compare` has files that HDF5 itself wrote).
void seal(std::string_view input) {
  Input bytes(input);
  const std::string file =
      bytes.byte() % 2 == 0 ? changed_record(bytes) : std::string(bytes.rest()) + std::string(marker) + "\1\2\3\4";
  const auto path = scratch().write("sealed.h5", file);
  const auto whole = scratch().write("whole.h5", small_image(small_identity));
  if (!has_marker(file) || (seal_holds(file) && file != small_image(small_identity))) {
    accepts([&] { record::check_seal(path); });
    return;
  }
  const std::vector<record::TableSchema> tables = small_record().tables;
  const bool intact = seal_holds(file);
  promise(accepts([&] { record::check_seal(path); }) == intact, "the seal is checked");
  promise(accepts([&] { record::read_identity(path); }) == intact, "before reading the identity");
  promise(accepts([&] { record::read_header(path); }) == intact, "before reading attributes");
  promise(accepts([&] { record::read_rows(path, tables); }) == intact, "before reading rows");
  promise(accepts([&] { record::first_difference(whole, path); }) == intact, "before comparing");
  promise(scratch().read("sealed.h5") == file, "reading changes nothing");
}

}  // namespace precsim::fuzz

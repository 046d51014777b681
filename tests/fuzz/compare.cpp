// Fuzzes the comparison of records. The input is two programs for hdf5_builder.hpp: a piece, and the rest; where there
// is no rest, both files are of the first.
#include "experiments/record/compare.hpp"

#include "experiments/record/seal.hpp"
#include "tests/fuzz/hdf5_builder.hpp"
#include "tests/fuzz/scratch.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
namespace {

constexpr std::string_view incomparable = "what cannot be compared bit by bit:";

/// Whether the file of another program ends as if with a seal: target `seal` has those.
bool looks_sealed(std::string_view file) {
  constexpr std::string_view marker = "PRECSIM1";
  constexpr std::size_t seal_bytes = marker.size() + 4;
  return file.size() >= seal_bytes && file.substr(file.size() - seal_bytes).starts_with(marker);
}

struct Answer {
  std::optional<std::string> refused;
  std::optional<record::Difference> difference;

  std::string text() const { return refused ? "refused" : difference ? difference->path + difference->what : "equal"; }
};

Answer compared(std::string_view first, std::string_view second) {
  Answer answer;
  answer.refused =
      refusal([&] { answer.difference = record::first_difference(scratch().path(first), scratch().path(second)); });
  return answer;
}

}  // namespace

/// Of all files that HDF5 writes, sealed or not: a file equals itself and what the same program made, but for what has
/// no bits of its own; and two files differ in the same place whichever comes first.
void compare(std::string_view input) {
  Input bytes(input);
  const std::string_view program = bytes.piece();
  const bool same = bytes.at_end();
  std::string first = build_hdf5(program);
  const std::string second = same ? build_hdf5(program) : build_hdf5(bytes.rest());
  if (looks_sealed(second)) return;  // and broken, then
  record::add_seal(first);
  scratch().write("first.h5", first);
  scratch().write("second.h5", second);
  const Answer itself = compared("first.h5", "first.h5");
  promise(!itself.difference || itself.difference->what == incomparable, "a file equals itself: " + itself.text());
  const Answer forth = compared("first.h5", "second.h5");
  const Answer back = compared("second.h5", "first.h5");
  promise(forth.text() == back.text(), forth.text() + " and back " + back.text());
  if (forth.difference) promise(forth.difference->first == back.difference->second, forth.difference->sentence());
  if (same)
    promise(forth.text() == itself.text(), "equal programs make equal files: " + forth.refused.value_or(forth.text()));
}

}  // namespace precsim::fuzz

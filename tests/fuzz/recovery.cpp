// Fuzzes recovery. The first byte says what record there is; the rest of the input is the journal beside it.
#include "experiments/record/recovery.hpp"

#include "experiments/record/compare.hpp"
#include "tests/fuzz/record_seed.hpp"
#include "tests/fuzz/scratch.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
namespace {

/// The record of the input: none, the one that the seeds' journals extend, or another.
std::string record_of(std::uint8_t choice) {
  if (choice % 3 == 0) return {};
  return small_image(choice % 3 == 1 ? small_identity : other_identity);
}

}  // namespace

/// A journal that is refused leaves both files as they were. One that is folded in is gone, leaves no temporary file
/// and a record that can be read, and folding again adds nothing.
void recovery(std::string_view input) {
  Input bytes(input);
  const std::string before = record_of(bytes.byte());
  const std::string journal(bytes.rest());
  scratch().remove("run.h5");
  if (!before.empty()) scratch().write("run.h5", before);
  scratch().write("run.h5.journal", journal);
  const auto file = scratch().path("run.h5");
  const auto file_is = [&](std::string_view content) {
    return content.empty() ? !scratch().has("run.h5") : scratch().has("run.h5") && scratch().read("run.h5") == content;
  };
  record::Recovery recovery;
  if (!accepts([&] { recovery = record::recover(file); })) {
    promise(file_is(before) && scratch().read("run.h5.journal") == journal, "what is refused is left as it was");
    return;
  }
  promise(!scratch().has("run.h5.journal") && !scratch().has("run.h5.partial"), "only the record is left");
  promise(recovery.discarded_bytes <= journal.size() && recovery.rows <= journal.size(), "rows come from the journal");
  if (recovery.discarded_bytes == journal.size()) promise(file_is(before), "a torn first entry changes nothing");
  if (!scratch().has("run.h5")) return;
  const auto found = record::read_identity(file);
  promise(found && found->generation >= (before.empty() ? 0 : 1), "the record can be read");
  promise(!record::first_difference(file, file), "the record equals itself");
  const std::string after = scratch().read("run.h5");
  promise(record::recover(file).rows == 0 && file_is(after), "folding again adds nothing");
}

}  // namespace precsim::fuzz

// Fuzzes checkpoints. The first byte chooses: bytes of one changed, any bytes, or a sealed file that the rest of the
// input describes to hdf5_builder.hpp, from nothing or from a checkpoint.
#include "experiments/checkpoint/checkpoint.hpp"

#include "experiments/record/seal.hpp"
#include "tests/fuzz/hdf5_builder.hpp"
#include "tests/fuzz/scratch.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
namespace {

constexpr std::size_t seal_bytes = 12;

checkpoint::Checkpoint small_checkpoint() {
  checkpoint::Checkpoint c;
  c.run = {{"program", std::string("precsim")}, {"seed", std::int64_t{7}}};
  c.provenance = {{"host", std::string("here")}, {"seconds", 1.5}};
  c.state.step = 3;
  c.state.loss_scale = {65536.0, 2};
  c.state.tensors = {{"parameters", "conv1", "weight", {2, 3}, {1, 2, 3, 4, 5, 6}},
                     {"momentum", "conv1", "weight", {2, 3}, {0, 0, 1, 0, 0, 0}},
                     {"buffers", "bn1", "running_mean", {4}, {1, 1, 1, 1}}};
  c.state.controllers = {{"conv1", "weights", "all", "flex16+5", {1, 0, 0, -14, -14, 1, 0.5}}};
  c.record = {"00112233445566778899aabbccddeeff", {{"training", 3}}};
  c.figures = {{"skipped_steps", std::int64_t{0}}};
  return c;
}

/// The checkpoint as a program may change it: without its seal.
const Hdf5Base& base() {
  static const Hdf5Base base = [] {
    std::string image = checkpoint::image(small_checkpoint());
    image.resize(image.size() - seal_bytes);
    return Hdf5Base{std::move(image),
                    {"/parameters", "/parameters/conv1", "/parameters/conv1/weight", "/momentum/conv1", "/totals",
                     "/evaluation", "/exponents", "/exponents/conv1", "/record", "/figures", "/provenance"},
                    {"conv1", "weight", "weights.all", "format", "parameters", "totals", "checkpoint_version", "step",
                     "loss_scale", "all_macs", "record_id", "rows:training"}};
  }();
  return base;
}

std::string file_of(Input& input, std::uint8_t choice) {
  std::string file = base().image;
  if (choice % 4 == 0) {
    record::add_seal(file);
    while (!input.at_end()) {
      char& byte = file[input.integer(4) % file.size()];
      byte = static_cast<char>(byte ^ input.byte());
    }
    return file;
  }
  if (choice % 4 == 1) return std::string(input.rest());
  file = build_hdf5(input.rest(), choice % 4 == 2 ? Hdf5Base() : base());
  record::add_seal(file);
  return file;
}

bool is_sealed(const std::filesystem::path& file) {
  bool sealed = false;
  return accepts([&] { sealed = record::check_seal(file); }) && sealed;
}

}  // namespace

/// Without an intact seal a file is refused, whatever it holds; with one, whatever HDF5 may have written is a
/// checkpoint or refused, and a checkpoint that was read is written again as the same. Bytes that no HDF5 wrote behind
/// an intact seal may crash HDF5 1.10: not promised, not fuzzed here.
void checkpoint(std::string_view input) {
  Input bytes(input);
  const std::uint8_t choice = bytes.byte();
  const auto path = scratch().write("run.checkpoint.h5", file_of(bytes, choice));
  const bool sealed = is_sealed(path);
  if (choice % 4 < 2 && sealed && scratch().read("run.checkpoint.h5") != checkpoint::image(small_checkpoint())) return;
  checkpoint::Checkpoint c;
  if (!accepts([&] { c = checkpoint::read(path); })) {
    const bool unchanged = sealed && (choice % 4 < 2 || (choice % 4 == 3 && input.size() == 1));
    promise(!unchanged, "an unchanged checkpoint is read");
    return;
  }
  promise(sealed, "a checkpoint without a seal is refused");
  scratch().write("again.checkpoint.h5", checkpoint::image(c));
  const checkpoint::Checkpoint again = checkpoint::read(scratch().path("again.checkpoint.h5"));
  promise(checkpoint::image(again) == checkpoint::image(c), "a checkpoint is written as it was read");
}

}  // namespace precsim::fuzz

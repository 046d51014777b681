// Building the small record. tests/fuzz/make_corpus.py knows its tables and identities: change both or none.
#include "tests/fuzz/record_seed.hpp"

#include "formats/error.hpp"

namespace precsim::fuzz {

const record::Identity small_identity{"00112233445566778899aabbccddeeff", 2};
const record::Identity other_identity{"ffeeddccbbaa99887766554433221100", 7};

record::RunContents small_record() {
  using record::ColumnType;
  const record::TableSchema steps{"/steps",
                                  "One row per step.",
                                  {{"step", ColumnType::int64, 1, "step", "the step"},
                                   {"loss", ColumnType::float64, 1, "nat", "the loss"},
                                   {"layer", ColumnType::text, 8, "-", "the layer"}}};
  const record::TableSchema counts{
      "/counts", "Some counts.", {{"counts", ColumnType::uint64, 3, "1", "three of them"}}};
  record::RunContents contents{{{{"program", std::string("precsim")}, {"seed", std::int64_t{7}}},
                                {{"host", std::string("here")}, {"seconds", 1.5}}},
                               {steps, counts},
                               {"", ""}};
  for (std::int64_t step = 0; step < 3; ++step) {
    const record::Cell cells[] = {step, 0.5 / static_cast<double>(step + 1), std::string_view("conv1")};
    contents.rows[0] += record::pack_row(steps, cells);
  }
  const std::uint64_t three[] = {1, 2, 3};
  const record::Cell cells[] = {std::span<const std::uint64_t>(three)};
  contents.rows[1] += record::pack_row(counts, cells);
  return contents;
}

const std::string& small_image(const record::Identity& identity) {
  static const std::string small = record::run_image(small_record(), small_identity);
  static const std::string other = record::run_image(small_record(), other_identity);
  PRECSIM_CHECK(identity == small_identity || identity == other_identity, identity.id);
  return identity == small_identity ? small : other;
}

}  // namespace precsim::fuzz

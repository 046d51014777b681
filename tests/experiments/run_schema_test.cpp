// Tests that SCHEMA.md and the schema in the code say the same.
#include "experiments/record/run_schema.hpp"

#include <array>
#include <map>

#include "tests/experiments/record_support.hpp"

namespace precsim::record {
namespace {

/// The row of SCHEMA.md that documents a column or an attribute.
std::string schema_line(const std::string& name, const std::string& type, const std::string& unit,
                        const std::string& description) {
  return "| `" + name + "` | " + type + " | " + (unit.empty() ? "" : unit + " | ") + description + " |\n";
}

TEST(RunSchema, IsDocumentedWordForWord) {
  const std::string page =
      slurp(fs::path(PRECSIM_GOLDEN_DIR).parent_path().parent_path() / "experiments" / "SCHEMA.md");
  ASSERT_FALSE(page.empty());
  ASSERT_EQ(schema_flaw(run_tables()), "");
  std::size_t columns = 0;
  for (const TableSchema& table : run_tables()) {
    EXPECT_SAYS(page, "\n### " + table.path + "\n\n" + table.description + "\n");
    for (const Column& column : table.columns) {
      const std::string line = schema_line(column.name, type_name(column), column.unit, column.description);
      EXPECT_NE(page.find(line), std::string::npos) << table.path << ": " << line;
      ++columns;
    }
  }
  EXPECT_EQ(run_tables().size(), 9u);
  EXPECT_EQ(columns, 94u);
  const std::array<std::string, 3> types = {"int64", "float64", "text"};
  for (const auto attributes : {run_attributes(), provenance_attributes()}) {
    EXPECT_GT(attributes.size(), 5u);
    for (const AttributeSchema& attribute : attributes) {
      const std::string line =
          schema_line(attribute.name, types[static_cast<std::size_t>(attribute.type)], "", attribute.description);
      EXPECT_NE(page.find(line), std::string::npos) << line;
    }
  }
}

TEST(RunSchema, IndicesNameTheirTables) {
  const std::map<std::size_t, std::string> expected = {{Table::training, "/training"},
                                                       {Table::evaluation, "/evaluation"},
                                                       {Table::tensor_statistics, "/tensor_statistics"},
                                                       {Table::exponent_histograms, "/exponent_histograms"},
                                                       {Table::octave_errors, "/octave_errors"},
                                                       {Table::exponent_control, "/exponent_control"},
                                                       {Table::products, "/products"},
                                                       {Table::telemetry, "/telemetry"},
                                                       {Table::summary, "/summary"}};
  ASSERT_EQ(expected.size(), run_tables().size());
  for (const auto& [index, path] : expected) EXPECT_EQ(run_tables()[index].path, path);
}

}  // namespace
}  // namespace precsim::record

// Tests that SCHEMA.md and the schema of studies in the code say the same.
#include "experiments/study/study_schema.hpp"

#include <array>
#include <map>

#include "formats/error.hpp"
#include "tests/experiments/record_support.hpp"

namespace precsim::study {
namespace {

using record::slurp;
using record::fs::path;

std::string chapter() {
  const std::string page = slurp(path(PRECSIM_GOLDEN_DIR).parent_path().parent_path() / "experiments" / "SCHEMA.md");
  return page.substr(page.find("\n## Studies, version " + std::to_string(study_schema_version) + "\n"));
}

std::string type_of(const record::Column& column) {
  return column.type == record::ColumnType::text && column.length == 1 ? "text" : type_name(column);
}

TEST(StudySchema, IsDocumentedWordForWord) {
  const std::string page = chapter();
  std::size_t columns = 0;
  for (const record::TableSchema& table : study_tables()) {
    EXPECT_SAYS(page, "\n### " + table.path + "\n\n" + table.description + "\n");
    const std::string section = page.substr(page.find("\n### " + table.path + "\n"));
    for (const record::Column& column : table.columns) {
      const std::string line =
          "| `" + column.name + "` | " + type_of(column) + " | " + column.unit + " | " + column.description + " |\n";
      EXPECT_LT(section.find(line), section.find("\n### ", 1)) << table.path << ": " << line;
      ++columns;
    }
  }
  EXPECT_EQ(study_tables().size(), 7u);
  EXPECT_EQ(columns, 109u);
  const std::array<std::string, 3> types = {"int64", "float64", "text"};
  EXPECT_EQ(study_attributes().size(), 7u);
  for (const record::AttributeSchema& attribute : study_attributes()) {
    EXPECT_SAYS(page, "| `" + attribute.name + "` | " + types[static_cast<std::size_t>(attribute.type)] + " | " +
                          attribute.description + " |\n");
  }
}

TEST(StudySchema, IndicesNameTheirTables) {
  const std::map<std::size_t, std::string> expected = {{Table::runs, "/runs"},
                                                       {Table::evaluation, "/evaluation"},
                                                       {Table::steps, "/steps"},
                                                       {Table::tensor_statistics, "/tensor_statistics"},
                                                       {Table::products, "/products"},
                                                       {Table::error_by_octave, "/error_by_octave"},
                                                       {Table::provenance_runs, "/provenance/runs"}};
  ASSERT_EQ(expected.size(), study_tables().size());
  for (const auto& [index, path] : expected) EXPECT_EQ(study_tables()[index].path, path);
}

TEST(StudySchema, AxesStandBehindThePoint) {
  const std::vector<std::string> axes = {"plan.name", "headroom"};
  const record::TableSchema table = runs_table(axes);
  EXPECT_EQ(table.columns[0].name, "point");
  EXPECT_EQ(table.columns[1].name, "plan.name");
  EXPECT_EQ(table.columns[2].name, "headroom");
  EXPECT_EQ(table.columns[3].name, "seed");
  for (const std::string name : {"seed", "headroom", "test_accuracy"}) {
    EXPECT_THROW(runs_table(std::vector<std::string>{"headroom", name}), UserError) << name;
  }
}

}  // namespace
}  // namespace precsim::study

// Tests of the command line: options and their traps, help, subcommands, tables, JSON.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <locale>
#include <sstream>

#include "experiments/cli/options.hpp"
#include "experiments/cli/table.hpp"
#include "formats/error.hpp"
#include "tests/experiments/cli_support.hpp"

namespace precsim::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using tests::error_of;

using Words = std::vector<std::string>;

const Command train = {
    .name = "train",
    .summary = "trains.",
    .options = {{.name = "config", .argument = "FILE", .meaning = "The configuration file."},
                {.name = "set", .argument = "SECTION.KEY=VALUE", .meaning = "Sets one key.", .repeatable = true},
                {.name = "seed", .argument = "N", .meaning = "The seed.", .key = "run.seed"},
                {.name = "out", .argument = "FILE", .meaning = "The record.", .key = "run.out"},
                {.name = "quiet", .meaning = "Prints only the result.", .key = "output.quiet"},
                {.name = "print-config", .meaning = "Prints the configuration."}},
    .example = "precsim train --config a.ini --seed 3"};

const Command compare = {.name = "compare",
                         .summary = "compares two records.",
                         .options = {{.name = "exact", .meaning = "Every bit."}},
                         .positional = Positional{"RUN", "Two records.", 2, 2},
                         .example = "precsim compare a.h5 b.h5 --exact"};

Arguments parse(const Words& words) {
  return parse_arguments(train, words);
}

std::string parse_error(const Words& words) {
  return error_of([&] { parse(words); });
}

config::Config resolved(const Words& words) {
  return config::resolve(config_sources(train, parse(words)));
}

// ---- options

TEST(CliOptions, ValuesComeJoinedOrApart) {
  const Arguments arguments = parse({"--seed=3", "--out", "run.h5", "--quiet"});
  EXPECT_EQ(arguments.value("seed"), "3");
  EXPECT_EQ(arguments.value("out"), "run.h5");
  EXPECT_EQ(arguments.value("quiet"), "true");
  EXPECT_EQ(arguments.value("config"), std::nullopt);
  EXPECT_FALSE(arguments.has("print-config"));
}

TEST(CliOptions, SetIsRepeatableInBothForms) {
  const Arguments arguments = parse({"--set", "a.b=c", "--set=d.e=f=g", "--set", "h.i="});
  EXPECT_THAT(arguments.values("set"), ElementsAre("a.b=c", "d.e=f=g", "h.i="));
}

TEST(CliOptions, AbbreviatedAndMisspelledOptionsAreErrorsNamingTheNearest) {
  EXPECT_THAT(parse_error({"--see", "3"}),
              AllOf(HasSubstr("'--see'"), HasSubstr("nearest is '--seed'"),
                    HasSubstr("--config, --set, --seed, --out, --quiet, --print-config and --help")));
  EXPECT_THAT(parse_error({"--see=3"}), AllOf(HasSubstr("'--see'"), HasSubstr("nearest is '--seed'")));
  EXPECT_THAT(parse_error({"--print"}), AllOf(HasSubstr("'--print'"), HasSubstr("nearest is '--print-config'")));
  EXPECT_THAT(parse_error({"--outt="}), AllOf(HasSubstr("'--outt'"), HasSubstr("nearest is '--out'")));
  EXPECT_THAT(parse_error({"--SEED", "3"}), HasSubstr("nearest is '--seed'"));
  EXPECT_THAT(parse_error({"-seed", "3"}), HasSubstr("nearest is '--seed'"));
  EXPECT_THAT(parse_error({"-s", "3"}), HasSubstr("no option '-s'"));
}

TEST(CliOptions, MissingValuesAreErrors) {
  for (const Words& words :
       {Words{"--seed"}, Words{"--seed="}, Words{"--seed", "--quiet"}, Words{"--seed", "--out", "x"},
        Words{"--quiet", "--seed"}, Words{"--seed", "--"}, Words{"--seed", "--unknown"}}) {
    EXPECT_THAT(parse_error(words), HasSubstr("--seed needs a value, as in --seed N")) << testing::PrintToString(words);
  }
}

TEST(CliOptions, FlagsTakeNoValue) {
  EXPECT_THAT(parse_error({"--quiet=1"}), HasSubstr("--quiet takes no value"));
  EXPECT_THAT(parse_error({"--quiet", "yes"}), HasSubstr("'yes' is too much"));
}

TEST(CliOptions, RepeatedSingleOptionsAreErrors) {
  EXPECT_THAT(parse_error({"--seed", "1", "--seed=1"}), HasSubstr("--seed is given twice"));
  EXPECT_THAT(parse_error({"--quiet", "--quiet"}), HasSubstr("--quiet is given twice"));
}

TEST(CliOptions, StrayWordsAreErrors) {
  EXPECT_THAT(parse_error({"lenet.ini"}), AllOf(HasSubstr("'train'"), HasSubstr("'lenet.ini'")));
  EXPECT_THAT(parse_error({"--seed", "3", "4"}), HasSubstr("'4'"));
  EXPECT_THAT(parse_error({"seed=3"}), HasSubstr("'seed=3'"));
  EXPECT_THAT(parse_error({"--", "x"}), HasSubstr("'x'"));
  EXPECT_THAT(parse_error({""}), HasSubstr("''"));
}

TEST(CliOptions, OddWordsNeverCrash) {
  std::size_t cases = 0;
  for (const char* word :
       {"-", "--", "---", "--=", "--=x", "-=", "=", "--\xff", "@file", "--seed\n=3", "--*", "--set*"}) {
    EXPECT_NO_THROW(parse_error({word})) << word;
    EXPECT_NO_THROW(parse_error({word, word})) << word;
    EXPECT_NO_THROW(parse_error({"--seed", word})) << word;
    ++cases;
  }
  EXPECT_EQ(cases, 12u);
  EXPECT_THAT(parse_error({"--=x"}), Not(IsEmpty()));
  EXPECT_THAT(parse_error({"--set*=x"}), HasSubstr("'--set*'"));
}

TEST(CliOptions, PositionalsAreCounted) {
  EXPECT_THAT(parse_arguments(compare, Words{"a.h5", "--exact", "b.h5"}).positionals(), ElementsAre("a.h5", "b.h5"));
  EXPECT_THAT(error_of([] { parse_arguments(compare, Words{"a.h5"}); }),
              AllOf(HasSubstr("needs 2 RUN"), HasSubstr("got 1"), HasSubstr(compare.example)));
  EXPECT_THAT(error_of([] {
                parse_arguments(compare, Words{"a", "b", "c"});
              }),
              AllOf(HasSubstr("at most 2 RUN"), HasSubstr("'c'")));
  EXPECT_THAT(error_of([] { parse_arguments(compare, Words{"a", "-b"}); }), HasSubstr("no option '-b'"));
}

TEST(CliOptions, OptionsOutrankSetAndCheckTheirValues) {
  const config::Config config = resolved({"--seed", "7", "--set", "run.seed=3", "--set=train.batch=8", "--quiet"});
  EXPECT_EQ(config.integer("run.seed"), 7);
  EXPECT_EQ(config.integer("train.batch"), 8);
  EXPECT_TRUE(config.boolean("output.quiet"));
  for (const Words& words : {Words{"--seed=-1"}, Words{"--seed", "-1"}}) {
    EXPECT_THAT(error_of([&] { resolved(words); }),
                AllOf(HasSubstr("--seed: run.seed = '-1'"), HasSubstr("from 0 to 4294967295")));
  }
  EXPECT_THAT(error_of([] { resolved({"--config", "/nonexistent.ini"}); }), HasSubstr("/nonexistent.ini"));
}

// ---- help and subcommands

TEST(CliHelp, NamesEveryOptionAndTheExample) {
  const std::string text = help_text(train, "precsim");
  for (const Option& option : train.options) {
    EXPECT_THAT(text, HasSubstr("--" + std::string(option.name))) << option.name;
    EXPECT_THAT(text, HasSubstr(std::string(option.meaning))) << option.name;
  }
  EXPECT_THAT(text,
              AllOf(HasSubstr("Usage: precsim train [OPTIONS]\n"), HasSubstr("  --seed N                 The seed."),
                    HasSubstr("--help"), HasSubstr("Example:\n  precsim train --config a.ini --seed 3\n")));
  EXPECT_THAT(help_text(compare, "precsim"), HasSubstr("Usage: precsim compare [OPTIONS] RUN RUN\n"));
}

TEST(CliHelp, IsWantedAnywhere) {
  EXPECT_TRUE(wants_help(Words{"--sed", "--help"}));
  EXPECT_TRUE(wants_help(Words{"-h"}));
  EXPECT_FALSE(wants_help(Words{"--helpful", "help"}));
}

ExitCode run_train(std::span<const std::string> arguments, Streams& streams) {
  if (wants_help(arguments)) {
    streams.out << help_text(train, "precsim");
    return ExitCode::ok;
  }
  streams.err << "train";
  for (const std::string& word : arguments) streams.err << '|' << word;
  return ExitCode::diverged;
}

ExitCode run_compare(std::span<const std::string>, Streams&) {
  return ExitCode::mismatch;
}

struct Outcome {
  ExitCode code = ExitCode::ok;
  std::string out;
  std::string err;
};

Outcome run(const Words& words) {
  static constexpr Subcommand rows[] = {{"train", "trains a network.", run_train},
                                        {"compare", "compares records.", run_compare}};
  const Program program{"precsim", "simulates.", "precsim 1.2.3", rows};
  std::ostringstream out;
  std::ostringstream err;
  Streams streams{out, err};
  const ExitCode code = dispatch(program, words, streams);
  return {code, out.str(), err.str()};
}

TEST(CliDispatch, RunsTheSubcommandWithTheRest) {
  const Outcome result = run({"train", "--seed", "3"});
  EXPECT_EQ(result.code, ExitCode::diverged);
  EXPECT_EQ(result.err, "train|--seed|3");
  EXPECT_EQ(run({"compare"}).code, ExitCode::mismatch);
}

TEST(CliDispatch, PrintsOverviewHelpAndVersion) {
  for (const char* word : {"--help", "-h", "help"}) {
    EXPECT_THAT(run({word}).out, AllOf(HasSubstr("train      trains a network.\n"), HasSubstr("--version"))) << word;
    EXPECT_EQ(run({word, "train"}).out, help_text(train, "precsim")) << word;
  }
  EXPECT_EQ(run({"train", "--help"}).out, help_text(train, "precsim"));
  EXPECT_EQ(run({"--version"}).out, "precsim 1.2.3\n");
}

TEST(CliDispatch, MissingAndUnknownSubcommandsListTheValidOnes) {
  EXPECT_THAT(error_of([] { run({}); }), HasSubstr("train and compare"));
  EXPECT_THAT(error_of([] { run({"tarin"}); }),
              AllOf(HasSubstr("'tarin'"), HasSubstr("nearest is 'train'"), HasSubstr("train and compare")));
  EXPECT_THAT(error_of([] { run({"help", "tarin"}); }), HasSubstr("nearest is 'train'"));
  EXPECT_THAT(error_of([] { run({"--version", "x"}); }), HasSubstr("'--version'"));
  EXPECT_THAT(error_of([] { run({"--seed"}); }), HasSubstr("'--seed'"));
}

TEST(CliDispatch, ExitCodesAreThoseOfTheDocumentation) {
  EXPECT_EQ(static_cast<int>(ExitCode::ok), 0);
  EXPECT_EQ(static_cast<int>(ExitCode::mismatch), 1);
  EXPECT_EQ(static_cast<int>(ExitCode::user_error), 2);
  EXPECT_EQ(static_cast<int>(ExitCode::diverged), 3);
  EXPECT_EQ(static_cast<int>(ExitCode::interrupted), 130);
}

// ---- tables and JSON

TEST(CliTable, AlignsColumnsUnitsAndRows) {
  Table table({{"plan", "", Align::left}, {"accuracy", "%"}, {"µ", "dB"}});
  table.add_row({"fp32", "98.76", "inf"});
  table.add_row({"dfp16:block=32", "100.00", "é"});
  EXPECT_EQ(table.text(),
            "plan            accuracy    µ\n"
            "                       %   dB\n"
            "--------------  --------  ---\n"
            "fp32               98.76  inf\n"
            "dfp16:block=32    100.00    é\n");
}

TEST(CliTable, WithoutUnitsHasNoUnitLineAndNoBlanksAtLineEnds) {
  Table table({{"a", "", Align::left}, {"name", "", Align::left}});
  EXPECT_EQ(table.text(), "a  name\n-  ----\n");
  table.add_row({"1", ""});
  EXPECT_EQ(table.text(), "a  name\n-  ----\n1\n");
}

TEST(CliTable, RefusesRowsOfAnotherWidthAndBrokenLines) {
  Table table({{"a"}, {"b"}});
  EXPECT_THROW(table.add_row({"1"}), CheckError);
  EXPECT_THROW(table.add_row({"1", "2\n3"}), CheckError);
}

TEST(CliTable, CellsShowNumbersThatAreNone) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(cell(98.765, 1), "98.8");
  EXPECT_EQ(cell(infinity, 2), "inf");
  EXPECT_EQ(cell(-infinity, 2), "-inf");
  EXPECT_EQ(cell(std::numeric_limits<double>::quiet_NaN(), 2), "-");
}

TEST(CliJson, KeepsOrderAndEscapes) {
  Json json;
  json["z"] = "quote \" backslash \\ line \n bell \a nul" + std::string(1, '\0');
  json["a"] = {1, true, nullptr, "é"};
  EXPECT_EQ(json_text(json),
            "{\n  \"z\": \"quote \\\" backslash \\\\ line \\n bell \\u0007 nul\\u0000\",\n"
            "  \"a\": [\n    1,\n    true,\n    null,\n    \"é\"\n  ]\n}\n");
}

TEST(CliJson, DoublesReadBackAndNonFiniteOnesAreNull) {
  for (const double value : {0.1, 1.0 / 3.0, 5e-324, 1.7976931348623157e308, -0.0, 98.76}) {
    const std::string text = json_text(value);
    EXPECT_EQ(Json::parse(text).get<double>(), value) << text;
  }
  EXPECT_EQ(json_text(0.1), "0.1\n");
  EXPECT_EQ(json_text(std::numeric_limits<double>::infinity()), "null\n");
  EXPECT_EQ(json_text(std::numeric_limits<double>::quiet_NaN()), "null\n");
}

TEST(CliJson, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(json_text("a\xff"), "\"a\xEF\xBF\xBD\"\n");
}

TEST(CliTable, NumbersAreIndependentOfTheLocale) {
  struct Comma : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale old = std::locale::global(std::locale(std::locale::classic(), new Comma));
  const std::string text = cell(1234567.5, 1) + " " + json_text(Json(1234567.5));
  std::locale::global(old);
  EXPECT_EQ(text, "1234567.5 1234567.5\n");
}

}  // namespace
}  // namespace precsim::cli

// The table of fuzz targets: everything that reads bytes or text from outside the program.
#pragma once

#include <string_view>

namespace precsim::fuzz {

// Each takes one input of any bytes and returns, or throws: what it throws is a finding. What an input means, and what
// is promised of it, stands at the definition, in a file of the target's name.
void accumulator(std::string_view input);
void checkpoint(std::string_view input);
void cifar10(std::string_view input);
void command_line(std::string_view input);
void compare(std::string_view input);
void config_file(std::string_view input);
void config_set(std::string_view input);
void format(std::string_view input);
void idx(std::string_view input);
void journal(std::string_view input);
void mnist(std::string_view input);
void npy(std::string_view input);
void npz(std::string_view input);
void picture(std::string_view input);
void precision_plan(std::string_view input);
void recovery(std::string_view input);
void rounding(std::string_view input);
void safetensors(std::string_view input);
void schedule(std::string_view input);
void seal(std::string_view input);
void study_file(std::string_view input);
void study_outline(std::string_view input);

/// One row per target; `name` is also that of its folders under corpus/ and regressions/, and of its program.
struct Target {
  std::string_view name;
  void (*run)(std::string_view input);
};

inline constexpr Target targets[] = {
    {"accumulator", accumulator},
    {"checkpoint", checkpoint},
    {"cifar10", cifar10},
    {"command_line", command_line},
    {"compare", compare},
    {"config_file", config_file},
    {"config_set", config_set},
    {"format", format},
    {"idx", idx},
    {"journal", journal},
    {"mnist", mnist},
    {"npy", npy},
    {"npz", npz},
    {"picture", picture},
    {"precision_plan", precision_plan},
    {"recovery", recovery},
    {"rounding", rounding},
    {"safetensors", safetensors},
    {"schedule", schedule},
    {"seal", seal},
    {"study_file", study_file},
    {"study_outline", study_outline},
};

}  // namespace precsim::fuzz

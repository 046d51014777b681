// The tables of sections, one per source file that defines some.
#pragma once

#include <span>

#include "experiments/verify/section.hpp"

namespace precsim::verify {

std::span<const Section> conversion_sections();   ///< FP32 to fp16, bf16, dfp16: all inputs
std::span<const Section> operation_sections();    ///< products, sums and FMA of small floating-point formats
std::span<const Section> catalogue_sections();    ///< every format of the catalogue
std::span<const Section> random_sections();       ///< random bits
std::span<const Section> dfp_sections();          ///< shared exponents
std::span<const Section> control_sections();      ///< predicted and controlled exponents
std::span<const Section> mx_sections();           ///< MX formats and their products
std::span<const Section> instruction_sections();  ///< integer multiply-accumulate against the CPU
std::span<const Section> chain_sections();        ///< chains, spills, auto
std::span<const Section> telemetry_sections();    ///< telemetry against a recount

}  // namespace precsim::verify

// The MPFR oracle of a build without MPFR: it says so.
#include <stdexcept>

#include "tests/oracle/mpfr_oracle.hpp"

namespace oracle {
namespace {

[[noreturn]] float refuse() {
  throw std::logic_error("the oracle was built without MPFR");
}

}  // namespace

struct MpfrFormat::State {};

const char* mpfr_obstacle() {
  return "built without MPFR";
}

bool mpfr_has(Mode) {
  return false;
}

MpfrFormat::MpfrFormat(const Format&) {
  refuse();
}

MpfrFormat::~MpfrFormat() = default;

float MpfrFormat::fma(float, float, float, Mode) {
  return refuse();
}

float MpfrFormat::multiply(float, float, Mode) {
  return refuse();
}

float MpfrFormat::add(float, float, Mode) {
  return refuse();
}

float MpfrFormat::convert(float, Mode) {
  return refuse();
}

}  // namespace oracle

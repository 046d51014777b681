// The simulation of products of tensors of codes, without their matrices.
#pragma once

#include <span>

#include "sim/kernels/engine.hpp"

namespace precsim::kernels {

/// What multiply() of the lowered operands gives, result and telemetry, where both sides are tensors of codes and no
/// chain can overflow. Otherwise does nothing and returns false.
bool multiply_proved_tensors(const ProductCall& call, std::span<float> result, TelemetryLevel level,
                             Telemetry& telemetry, const TileKernel& kernel);

}  // namespace precsim::kernels

// The state of the CPU's floating-point control that results rest on.
#pragma once

namespace precsim::kernels {

/// Raises CheckError unless every OpenMP thread rounds to nearest even and keeps subnormals (no FTZ, no DAZ).
void check_floating_point_control();

}  // namespace precsim::kernels
